SELECT * FROM blast_of($1);

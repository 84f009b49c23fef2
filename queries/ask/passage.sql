SELECT * FROM passage($1);

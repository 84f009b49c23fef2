SELECT * FROM edges_of($1, $2);

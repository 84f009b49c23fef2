SELECT * FROM nodes_of($1, $2);

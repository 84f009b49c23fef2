SELECT * FROM edges_within($1, $2);

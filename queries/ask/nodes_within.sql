SELECT * FROM nodes_within($1, $2);

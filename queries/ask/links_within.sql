SELECT * FROM links_within($1, $2, $3);

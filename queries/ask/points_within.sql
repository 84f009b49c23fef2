SELECT * FROM points_within($1, $2, $3);

SELECT * FROM find_coordinates($1, $2, $3);

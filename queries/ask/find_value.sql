SELECT * FROM find_value($1, $2);

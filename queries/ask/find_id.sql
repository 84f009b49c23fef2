SELECT * FROM find_id($1, $2);

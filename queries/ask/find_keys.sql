SELECT * FROM find_keys($1);

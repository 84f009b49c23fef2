SELECT * FROM find_key($1);

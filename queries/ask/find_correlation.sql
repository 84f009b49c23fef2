SELECT * FROM find_correlation($1, $2);

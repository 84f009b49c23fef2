SELECT * FROM find_causation($1, $2);

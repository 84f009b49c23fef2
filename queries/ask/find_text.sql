SELECT * FROM find_text($1);

SELECT * FROM find_trace($1, $2);

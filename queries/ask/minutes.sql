SELECT * FROM minute WHERE minute >= window_start($1) AND minute < window_end($2) ORDER BY ALL;

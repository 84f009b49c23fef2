SELECT * FROM query($question) LIMIT 0;

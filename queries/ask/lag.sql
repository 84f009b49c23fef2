SELECT * FROM lag();

DELETE FROM rewritten.main.{table};
INSERT INTO rewritten.main.{table} BY NAME SELECT * FROM main.{table};

-- Counts of passed events of minutes before $1, at most $2; as in `retire_minutes`.
DELETE FROM passed_row
WHERE rowid IN (SELECT p.rowid FROM passed_row p WHERE p.minute < date_trunc('hour', CAST($1 AS TIMESTAMP)) LIMIT $2);

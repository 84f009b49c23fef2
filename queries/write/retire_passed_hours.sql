-- Counts of passed events of hours before $1, at most $2.
DELETE FROM passed_hour_row
WHERE rowid IN (SELECT p.rowid FROM passed_hour_row p WHERE p.hour < date_trunc('hour', CAST($1 AS TIMESTAMP)) LIMIT $2);

-- Counts of minutes before $1, at most $2. Whole hours go, so that minutes and hours tell the same.
DELETE FROM minute_row
WHERE rowid IN (SELECT m.rowid FROM minute_row m WHERE m.minute < date_trunc('hour', CAST($1 AS TIMESTAMP)) LIMIT $2);

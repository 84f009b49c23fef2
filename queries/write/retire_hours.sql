-- Counts of hours before $1, at most $2.
DELETE FROM hour_row
WHERE rowid IN (SELECT h.rowid FROM hour_row h WHERE h.hour < date_trunc('hour', CAST($1 AS TIMESTAMP)) LIMIT $2);

-- Counts of minutes before $1, at most $2.
DELETE FROM minute_row WHERE rowid IN (SELECT m.rowid FROM minute_row m WHERE m.minute < $1 LIMIT $2);

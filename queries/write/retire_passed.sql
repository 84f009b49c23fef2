-- Counts of passed events of minutes before $1, at most $2.
DELETE FROM passed_row WHERE rowid IN (SELECT p.rowid FROM passed_row p WHERE p.minute < $1 LIMIT $2);

-- How failures stood until $1, at most $2.
DELETE FROM failure_history_row
WHERE rowid IN (SELECT h.rowid FROM failure_history_row h WHERE h.until < $1 LIMIT $2);

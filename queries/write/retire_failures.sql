-- Failure records that were seen before $1, at most $2. An older file does not say when.
DELETE FROM failure_row
WHERE rowid IN (SELECT f.rowid FROM failure_row f WHERE coalesce(f.seen_time, f.time) < $1 LIMIT $2);

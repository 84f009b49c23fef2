-- Rewinds before $1, at most $2.
DELETE FROM rewind_row
WHERE rowid IN (SELECT r.rowid FROM rewind_row r WHERE r.sampled_at < $1 LIMIT $2);

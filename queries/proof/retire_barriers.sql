-- Barriers that were passed before $1, at most $2.
DELETE FROM barrier_row
WHERE rowid IN (SELECT b.rowid FROM barrier_row b WHERE b.passed_at < $1 LIMIT $2);

-- Entries of `outbox_event` up to number $1, at most $2.
DELETE FROM outbox_event WHERE rowid IN (SELECT o.rowid FROM outbox_event o WHERE o.seq <= $1 LIMIT $2);

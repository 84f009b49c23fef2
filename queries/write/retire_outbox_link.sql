-- Entries of `outbox_link` up to number $1, at most $2.
DELETE FROM outbox_link WHERE rowid IN (SELECT o.rowid FROM outbox_link o WHERE o.seq <= $1 LIMIT $2);

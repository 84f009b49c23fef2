-- Entries of `outbox_pass` up to number $1, at most $2.
DELETE FROM outbox_pass WHERE rowid IN (SELECT o.rowid FROM outbox_pass o WHERE o.seq <= $1 LIMIT $2);

-- What was told, since entry $1, of those that are wanted and not found yet. The bound is a number so that zone maps
-- see it.
INSERT INTO known_stage
SELECT o.ref, o.seed, o.seen_time
FROM outbox_event o
JOIN (SELECT w.ref FROM wanted_stage w ANTI JOIN known_stage k ON k.ref = w.ref) w ON w.ref = o.ref
WHERE o.seq > $1;

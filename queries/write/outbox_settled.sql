-- Before settled events leave the pending table, which knows when they were seen.
INSERT INTO told_stage
SELECT p.ref, s.conversation, p.seen_time, s.resolution, s.orphan_reason, true
FROM pending_row p
JOIN settled_stage s ON s.ref = p.ref;

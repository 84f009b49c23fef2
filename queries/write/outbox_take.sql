-- Takes in what this commit settled, joined and passed, and finds out who can be told now.
INSERT INTO outbox_edge FROM edge_stage;

DELETE FROM edge_stage;

INSERT INTO outbox_held
SELECT t.ref, f.cause, t.conversation, t.seen_time, t.resolution, t.orphan_reason, t.late
FROM told_stage t
LEFT JOIN (
    SELECT effect, arg_min(cause, evidence) AS cause FROM outbox_edge WHERE evidence_rank(evidence) = 0 GROUP BY effect
) f ON f.effect = t.ref;

DELETE FROM told_stage;

UPDATE outbox_held SET conversation = m.current_id FROM merge_stage m WHERE outbox_held.conversation = m.old_id;

-- Who has no waiting event among its ancestors goes.
INSERT INTO release_stage
WITH RECURSIVE blocked(ref) AS (
    SELECT h.ref FROM outbox_held h JOIN pending_row p ON p.ref = h.cause
    UNION
    SELECT h.ref FROM outbox_held h JOIN blocked b ON b.ref = h.cause
)
SELECT h.* FROM outbox_held h ANTI JOIN blocked b ON b.ref = h.ref;

DELETE FROM outbox_held WHERE ref IN (SELECT r.ref FROM release_stage r);

UPDATE outbox_held SET late = true WHERE NOT late;

-- Whose trace has to be looked up.
INSERT INTO wanted_stage
SELECT effect FROM outbox_edge
UNION
SELECT cause FROM outbox_edge
EXCEPT
(SELECT ref FROM release_stage UNION ALL SELECT ref FROM pending_row UNION ALL SELECT ref FROM outbox_held);

-- What is known of the traces of conversations: one look at a table that can be long.
INSERT INTO seed_stage
SELECT s.conversation, s.seed
FROM trace_seed s
JOIN (
    SELECT conversation FROM release_stage
    UNION
    SELECT old_id FROM merge_stage
    UNION
    SELECT current_id FROM merge_stage
) w ON w.conversation = s.conversation;

-- Conversations that became one: the trace goes on under the id that stays, unless that has one of its own.
INSERT INTO handed_stage
SELECT m.current_id, min(s.seed)
FROM merge_stage m
JOIN seed_stage s ON s.conversation = m.old_id
ANTI JOIN seed_stage own ON own.conversation = m.current_id
GROUP BY m.current_id;

INSERT INTO trace_seed FROM handed_stage;

INSERT INTO seed_stage FROM handed_stage;

DELETE FROM handed_stage;

DELETE FROM merge_stage;

-- A trace goes from cause to effect; where none comes, the conversation's. What goes round in a circle has no parents.
INSERT INTO trace_stage
WITH RECURSIVE traced(ref, seed, parent, depth) AS (
    SELECT r.ref, coalesce(k.seed, s.seed, r.conversation), k.ref, 0
    FROM release_stage r
    LEFT JOIN known_stage k ON k.ref = r.cause
    LEFT JOIN seed_stage s ON s.conversation = r.conversation
    WHERE r.cause IS NULL OR r.cause NOT IN (SELECT ref FROM release_stage)
    UNION ALL
    SELECT r.ref, t.seed, t.ref, t.depth + 1 FROM release_stage r JOIN traced t ON t.ref = r.cause
),
whole AS (
    FROM traced
    UNION ALL
    SELECT r.ref, coalesce(s.seed, r.conversation), NULL, 0
    FROM release_stage r
    ANTI JOIN traced t ON t.ref = r.ref
    LEFT JOIN seed_stage s ON s.conversation = r.conversation
)
SELECT o.last_seq + row_number() OVER (ORDER BY w.depth, w.ref), w.ref, w.seed, w.parent
FROM whole w
CROSS JOIN outbox_state o;

-- A failure's way back to its root can be broken further up.
INSERT INTO outbox_event
SELECT t.seq, t.ref, t.seed, t.parent, r.seen_time, r.resolution, coalesce(r.orphan_reason, f.orphan_reason)
FROM trace_stage t
JOIN release_stage r ON r.ref = t.ref
LEFT JOIN failure_row f ON f.ref = t.ref
ORDER BY t.seq;

UPDATE outbox_state SET last_seq = last_seq + (SELECT count(*) FROM trace_stage);

INSERT INTO trace_seed
SELECT r.conversation, min(t.seed)
FROM trace_stage t
JOIN release_stage r ON r.ref = t.ref
ANTI JOIN seed_stage own ON own.conversation = r.conversation
GROUP BY r.conversation;

-- 8,388,608 conversations are remembered; an older one that goes on and has another id by now gets another trace.
DELETE FROM trace_seed WHERE rowid < (SELECT max(rowid) - 8388608 FROM trace_seed);

INSERT INTO known_stage
SELECT t.ref, t.seed, r.seen_time FROM trace_stage t JOIN release_stage r ON r.ref = t.ref;

INSERT INTO outbox_link
SELECT t.seq, t.ref, t.seed, r.seen_time, e.cause, k.seed, e.evidence, e.confidence, false
FROM outbox_edge e
JOIN trace_stage t ON t.ref = e.effect
JOIN release_stage r ON r.ref = e.effect
LEFT JOIN known_stage k ON k.ref = e.cause
WHERE t.parent IS DISTINCT FROM e.cause;

DELETE FROM outbox_edge WHERE effect IN (SELECT t.ref FROM trace_stage t);

-- Edges whose effect was told before, once their cause is told too.
INSERT INTO late_stage
SELECT e.*
FROM outbox_edge e
WHERE e.effect NOT IN (SELECT ref FROM pending_row UNION ALL SELECT ref FROM outbox_held)
  AND e.cause NOT IN (SELECT ref FROM pending_row UNION ALL SELECT ref FROM outbox_held);

INSERT INTO outbox_link
SELECT
    o.last_seq + row_number() OVER (ORDER BY l.effect, l.cause, l.evidence),
    k.ref, k.seed, k.seen_time, l.cause, c.seed, l.evidence, l.confidence, true
FROM late_stage l
JOIN known_stage k ON k.ref = l.effect
LEFT JOIN known_stage c ON c.ref = l.cause
CROSS JOIN outbox_state o;

UPDATE outbox_state
SET last_seq = last_seq + (SELECT count(*) FROM late_stage l JOIN known_stage k ON k.ref = l.effect);

DELETE FROM outbox_edge
WHERE effect IN (SELECT l.effect FROM late_stage l) AND cause IN (SELECT l.cause FROM late_stage l);

DELETE FROM late_stage;

-- Events that were told late: who passed them meanwhile has passed them.
INSERT INTO pass_stage
SELECT p.consumer_group, r.ref, r.ref + 1, p.not_before, p.not_after, r.seen_time, true
FROM release_stage r
JOIN outbox_pass p ON p.first_ref >> 40 = r.ref >> 40 AND r.ref >= p.first_ref AND r.ref < p.next_ref
WHERE r.late;

-- What is told first of a group on a partition may have happened before the first sample, unless a mark shows one.
INSERT INTO pass_stage
SELECT
    s.consumer_group,
    s.first_ref,
    s.next_ref,
    CASE WHEN h.next_ref IS NOT NULL OR m.sampled_at < s.not_after THEN s.not_before END,
    s.not_after,
    s.seen_from,
    coalesce(h.next_ref > s.first_ref, false)
FROM range_told_stage s
LEFT JOIN outbox_passed_to h ON h.consumer_group = s.consumer_group AND h.ordinal = s.first_ref >> 40
LEFT JOIN (
    SELECT m.consumer_group, m.ordinal, min(m.sampled_at) AS sampled_at
    FROM progress_mark m
    JOIN range_told_stage n ON n.consumer_group = m.consumer_group AND n.first_ref >> 40 = m.ordinal
    ANTI JOIN outbox_passed_to p ON p.consumer_group = n.consumer_group AND p.ordinal = n.first_ref >> 40
    GROUP BY m.consumer_group, m.ordinal
) m ON m.consumer_group = s.consumer_group AND m.ordinal = s.first_ref >> 40;

INSERT INTO outbox_pass
SELECT
    o.last_seq + row_number() OVER (ORDER BY p.first_ref, p.consumer_group, p.not_after),
    p.consumer_group, p.first_ref, p.next_ref, p.not_before, p.not_after, p.seen_from, p.again
FROM pass_stage p
CROSS JOIN outbox_state o;

UPDATE outbox_state SET last_seq = last_seq + (SELECT count(*) FROM pass_stage);

UPDATE outbox_passed_to SET next_ref = greatest(outbox_passed_to.next_ref, s.next_ref)
FROM (
    SELECT consumer_group, first_ref >> 40 AS ordinal, max(next_ref) AS next_ref FROM range_told_stage GROUP BY ALL
) s
WHERE outbox_passed_to.consumer_group = s.consumer_group AND outbox_passed_to.ordinal = s.ordinal;

INSERT INTO outbox_passed_to
SELECT s.consumer_group, s.first_ref >> 40, max(s.next_ref)
FROM range_told_stage s
ANTI JOIN outbox_passed_to p ON p.consumer_group = s.consumer_group AND p.ordinal = s.first_ref >> 40
GROUP BY ALL;

DELETE FROM range_told_stage;

DELETE FROM pass_stage;

DELETE FROM release_stage;

DELETE FROM trace_stage;

DELETE FROM known_stage;

DELETE FROM wanted_stage;

DELETE FROM seed_stage;

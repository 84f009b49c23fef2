-- Verdicts that came after their events were written. Where an event waited, its slice is known; else every slice is
-- asked that may hold it.
INSERT INTO verdict_stage
SELECT s.*, p.slice FROM settled_stage s JOIN pending_row p ON p.ref = s.ref
UNION ALL
SELECT s.*, r.slice
FROM retracted_stage s
JOIN slice_range r ON r.ordinal = s.ref >> 40 AND r.first_ref <= s.ref AND r.last_ref >= s.ref
UNION ALL
SELECT s.*, open_slice() FROM retracted_stage s;

INSERT INTO changed_stage
SELECT s.*, e.seen_time, e.profile, e.resolution, e.cause, e.evidence
FROM verdict_stage s
JOIN event_row e ON e.slice = s.slice AND e.ref = s.ref;

INSERT INTO minute_stage
SELECT
    date_trunc('minute', s.seen_time),
    p.topic_number,
    s.profile,
    0,
    0,
    CAST(s.resolution = 0 AS BIGINT) - CAST(s.old_resolution = 0 AS BIGINT),
    CAST(s.resolution = 1 AS BIGINT) - CAST(s.old_resolution = 1 AS BIGINT),
    CAST(s.resolution = 2 AS BIGINT) - CAST(s.old_resolution = 2 AS BIGINT),
    CAST(s.resolution = 3 AS BIGINT) - CAST(s.old_resolution = 3 AS BIGINT),
    CAST(s.resolution = 4 AS BIGINT) - CAST(s.old_resolution = 4 AS BIGINT),
    CAST(s.resolution = 5 AS BIGINT) - CAST(s.old_resolution = 5 AS BIGINT),
    s.seen_time,
    s.seen_time
FROM changed_stage s
JOIN partition p ON p.ordinal = s.ref >> 40;

INSERT INTO topic_flow_stage
SELECT f.topic_number, t.topic_number, c.evidence, c.events
FROM (
    SELECT cause, ref, evidence, 1 AS events FROM changed_stage WHERE cause IS NOT NULL
    UNION ALL
    SELECT old_cause, ref, old_evidence, -1 FROM changed_stage WHERE old_cause IS NOT NULL
) c
JOIN partition f ON f.ordinal = c.cause >> 40
JOIN partition t ON t.ordinal = c.ref >> 40;

UPDATE event_row SET
    resolution = s.resolution,
    orphan_reason = s.orphan_reason,
    conversation = s.conversation,
    cause = s.cause,
    evidence = s.evidence
FROM verdict_stage s
WHERE event_row.slice = s.slice AND event_row.ref = s.ref;

UPDATE orphan_row SET
    resolution = s.resolution, orphan_reason = s.orphan_reason, conversation = s.conversation
FROM verdict_stage s
WHERE orphan_row.slice = s.slice AND orphan_row.ref = s.ref;

INSERT INTO orphan_row
SELECT e.slice, e.ref, e.time, e.kind, e.resolution, e.orphan_reason, e.form, e.profile,
    e.conversation, e.id_hi, e.id_lo, e.id_text
FROM event_row e
JOIN (
    SELECT s.slice, s.ref FROM changed_stage s WHERE s.resolution = 5 AND s.ref NOT IN (SELECT o.ref FROM orphan_row o)
) s ON s.slice = e.slice AND s.ref = e.ref;

-- A closed slice holds a conversation that it did not hold when it was closed.
INSERT INTO id_slice
SELECT DISTINCT s.slice, hash_bucket(id_hash(s.conversation, 0)), hash_code(id_hash(s.conversation, 0))
FROM verdict_stage s
WHERE s.slice < open_slice();

DELETE FROM pending_row WHERE ref IN (SELECT s.ref FROM settled_stage s);

DELETE FROM settled_stage;

DELETE FROM retracted_stage;

DELETE FROM verdict_stage;

DELETE FROM changed_stage;

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

INSERT INTO minute_stage
SELECT
    date_trunc('minute', e.seen_time),
    p.topic_number,
    e.profile,
    0,
    0,
    CAST(s.resolution = 0 AS BIGINT) - CAST(e.resolution = 0 AS BIGINT),
    CAST(s.resolution = 1 AS BIGINT) - CAST(e.resolution = 1 AS BIGINT),
    CAST(s.resolution = 2 AS BIGINT) - CAST(e.resolution = 2 AS BIGINT),
    CAST(s.resolution = 3 AS BIGINT) - CAST(e.resolution = 3 AS BIGINT),
    CAST(s.resolution = 4 AS BIGINT) - CAST(e.resolution = 4 AS BIGINT),
    CAST(s.resolution = 5 AS BIGINT) - CAST(e.resolution = 5 AS BIGINT),
    e.seen_time,
    e.seen_time
FROM verdict_stage s
JOIN event_row e ON e.slice = s.slice AND e.ref = s.ref
JOIN partition p ON p.ordinal = e.ref >> 40;

UPDATE event_row SET
    resolution = s.resolution,
    orphan_reason = s.orphan_reason,
    conversation = s.conversation,
    cause = s.cause,
    evidence = s.evidence
FROM verdict_stage s
WHERE event_row.slice = s.slice AND event_row.ref = s.ref;

-- A closed slice holds a conversation that it did not hold when it was closed.
INSERT INTO id_slice
SELECT DISTINCT s.slice, hash_bucket(id_hash(s.conversation, 0)), hash_code(id_hash(s.conversation, 0))
FROM verdict_stage s
WHERE s.slice < open_slice();

DELETE FROM pending_row WHERE ref IN (SELECT s.ref FROM settled_stage s);

DELETE FROM settled_stage;

DELETE FROM retracted_stage;

DELETE FROM verdict_stage;

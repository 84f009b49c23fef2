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
FROM retracted_stage s
JOIN event_row e ON e.ref = s.ref
JOIN partition p ON p.ordinal = e.ref >> 40;

UPDATE event_row SET
    resolution = s.resolution,
    orphan_reason = s.orphan_reason,
    conversation = s.conversation
FROM retracted_stage s
WHERE event_row.ref = s.ref;

DELETE FROM retracted_stage;

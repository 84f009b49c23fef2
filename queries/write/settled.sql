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
FROM settled_stage s
JOIN pending_row e ON e.ref = s.ref
JOIN partition p ON p.ordinal = e.ref >> 40;

INSERT INTO event_row
SELECT p.* REPLACE (s.resolution AS resolution, s.orphan_reason AS orphan_reason, s.conversation AS conversation)
FROM pending_row p
JOIN settled_stage s ON s.ref = p.ref;

DELETE FROM pending_row WHERE ref IN (SELECT s.ref FROM settled_stage s);

DELETE FROM settled_stage;

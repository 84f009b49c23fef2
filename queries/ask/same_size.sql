-- The failure record $1, and with it, one a row, the events that it may repeat: as large, of another topic of its cluster that
-- the business writes, of its key where it has one, read in the $2 µs before it or later, and written before it but for $3 µs,
-- by which clocks differ. First those of its very timestamp, then those of topic $4 or of one whose name that one begins
-- with, then the latest. At most $5 events, of the last $6 slices of that time; `cut` says that there are more of either.
-- `current` tells a topic from one of the same name that was deleted before. Without such an event, one row with NULLs.
WITH letter AS MATERIALIZED (
    SELECT
        e.ref,
        p.cluster,
        p.topic,
        p.partition,
        p.base + (e.ref & 1099511627775) AS pos,
        p.incarnation,
        coalesce(e.record_time, e.time) AS record_time,
        e.seen_time - to_microseconds(CAST($2 AS BIGINT)) AS since,
        e.key_hash,
        e.value_bytes
    FROM event_row e
    JOIN partition p ON p.ordinal = e.ref >> 40
    WHERE e.slice IN (FROM slices_at($1)) AND e.ref >= CAST($1 AS BIGINT) AND e.ref <= CAST($1 AS BIGINT)
    LIMIT 1
),
place AS MATERIALIZED (
    SELECT p.*, p.incarnation = max(p.incarnation) OVER (PARTITION BY p.topic) AS current
    FROM partition p
    WHERE p.cluster = (SELECT l.cluster FROM letter l)
),
near AS MATERIALIZED (
    SELECT s.slice
    FROM slice_row s
    WHERE s.last_seen >= (SELECT l.since FROM letter l)
    ORDER BY s.slice DESC
    LIMIT CAST($6 AS BIGINT) + 1
),
candidate AS MATERIALIZED (
    SELECT
        e.ref,
        p.topic,
        p.partition,
        p.base + (e.ref & 1099511627775) AS pos,
        p.current,
        coalesce(e.record_time, e.time) = l.record_time AS same_time,
        e.key_hash IS NOT DISTINCT FROM l.key_hash AS same_key,
        coalesce($4 = p.topic OR starts_with($4, p.topic) AND substr($4, length(p.topic) + 1, 1) IN ('-', '.', '_'), false)
            AS named,
        coalesce(e.record_time, e.time) AS record_time
    FROM event_row e
    JOIN letter l ON l.value_bytes = e.value_bytes
    JOIN place p ON p.ordinal = e.ref >> 40
    WHERE e.slice IN (SELECT n.slice FROM (FROM near ORDER BY slice DESC LIMIT CAST($6 AS BIGINT)) n UNION ALL SELECT open_slice())
      AND e.seen_time >= l.since
      AND p.class = 'business'
      AND p.topic <> l.topic
      AND e.kind NOT IN (3, 4)
      AND (l.key_hash IS NULL OR e.key_hash = l.key_hash)
      AND coalesce(e.record_time, e.time) <= l.record_time + to_microseconds(CAST($3 AS BIGINT))
    ORDER BY same_time DESC, named DESC, record_time DESC, e.ref DESC
    LIMIT CAST($5 AS BIGINT) + 1
)
SELECT
    l.cluster,
    l.topic,
    l.partition,
    l.pos,
    (SELECT bool_or(p.current) FROM place p WHERE p.topic = l.topic AND p.incarnation = l.incarnation) AS letter_current,
    l.value_bytes,
    (SELECT count(*) FROM candidate) > CAST($5 AS BIGINT) OR (SELECT count(*) FROM near) > CAST($6 AS BIGINT) AS cut,
    c.ref,
    c.topic AS candidate_topic,
    c.partition AS candidate_partition,
    c.pos AS candidate_pos,
    c.current,
    c.same_time,
    c.same_key,
    c.named
FROM letter l
LEFT JOIN candidate c ON true
ORDER BY c.same_time DESC, c.named DESC, c.record_time DESC, c.ref DESC
LIMIT CAST($5 AS BIGINT);

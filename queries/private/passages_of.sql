-- How far each group has come, for any of several events, whose refs are written between commas.
-- A bracket ends with the first sample beyond the event after the last one that was not, and begins one sample before.
CREATE OR REPLACE MACRO passages_of(refs) AS TABLE
WITH place AS MATERIALIZED (
    SELECT r.ref, p.ordinal, p.cluster, p.topic, p.incarnation, p.partition, p.base + (r.ref & 1099511627775) AS "offset"
    FROM (SELECT CAST(unnest(string_split(refs, ',')) AS BIGINT) AS ref LIMIT 100000) r
    JOIN partition p ON p.ordinal = r.ref >> 40
),
topic_ordinal AS (
    SELECT place.ref, q.ordinal, q.partition = place.partition AS here, place."offset"
    FROM partition q
    JOIN place ON q.cluster = place.cluster AND q.topic = place.topic AND q.incarnation = place.incarnation
),
reader AS (
    SELECT
        t.ref,
        r.consumer_group,
        max(r.committed_offset) FILTER (WHERE t.here) AS committed_offset,
        any_value(t."offset") AS "offset"
    FROM progress_row r
    JOIN topic_ordinal t ON t.ordinal = r.ordinal
    GROUP BY t.ref, r.consumer_group
),
mark AS (
    SELECT t.ref, m.consumer_group, m.committed_offset > t."offset" AS beyond, m.sampled_at, m.resolution_ms
    FROM progress_mark m
    JOIN topic_ordinal t ON t.ordinal = m.ordinal AND t.here
),
last_short AS (
    SELECT mark.ref, mark.consumer_group, max(mark.sampled_at) AS sampled_at
    FROM mark
    WHERE mark.beyond IS NOT TRUE
    GROUP BY mark.ref, mark.consumer_group
),
first_beyond AS (
    SELECT
        mark.ref,
        mark.consumer_group,
        min(mark.sampled_at) AS not_after,
        arg_min(mark.resolution_ms, mark.sampled_at) AS resolution_ms,
        any_value(last_short.sampled_at) AS last_short
    FROM mark
    LEFT JOIN last_short ON last_short.ref = mark.ref AND last_short.consumer_group = mark.consumer_group
    WHERE mark.beyond AND (last_short.sampled_at IS NULL OR mark.sampled_at > last_short.sampled_at)
    GROUP BY mark.ref, mark.consumer_group
)
SELECT
    reader.ref,
    reader.consumer_group,
    CASE WHEN reader.committed_offset > reader."offset" THEN 'passed' ELSE 'not_reached' END AS state,
    reader.committed_offset,
    CASE
        WHEN reader.committed_offset > reader."offset" AND b.last_short IS NOT NULL
        THEN greatest(b.last_short, b.not_after - to_milliseconds(b.resolution_ms))
    END AS not_before,
    CASE WHEN reader.committed_offset > reader."offset" THEN b.not_after END AS not_after
FROM reader
LEFT JOIN first_beyond b ON b.ref = reader.ref AND b.consumer_group = reader.consumer_group
ORDER BY reader.ref, reader.consumer_group;

-- A bracket ends with the first sample beyond the event after the last one that was not, and begins one sample before.
CREATE OR REPLACE MACRO passage(ref) AS TABLE
WITH place AS (
    SELECT p.cluster, p.topic, p.incarnation, p.partition, p.base + (CAST(ref AS BIGINT) & 1099511627775) AS "offset"
    FROM partition p
    WHERE p.ordinal = CAST(ref AS BIGINT) >> 40
),
topic_ordinal AS (
    SELECT q.ordinal, q.partition = place.partition AS here, place."offset"
    FROM partition q
    JOIN place ON q.cluster = place.cluster AND q.topic = place.topic AND q.incarnation = place.incarnation
),
reader AS (
    SELECT
        r.consumer_group,
        max(r.committed_offset) FILTER (WHERE t.here) AS committed_offset,
        any_value(t."offset") AS "offset"
    FROM progress_row r
    JOIN topic_ordinal t ON t.ordinal = r.ordinal
    GROUP BY r.consumer_group
),
mark AS (
    SELECT m.consumer_group, m.committed_offset > t."offset" AS beyond, m.sampled_at, m.resolution_ms
    FROM progress_mark m
    JOIN topic_ordinal t ON t.ordinal = m.ordinal AND t.here
),
last_short AS (
    SELECT consumer_group, max(sampled_at) AS sampled_at FROM mark WHERE beyond IS NOT TRUE GROUP BY consumer_group
),
first_beyond AS (
    SELECT
        mark.consumer_group,
        min(mark.sampled_at) AS not_after,
        arg_min(mark.resolution_ms, mark.sampled_at) AS resolution_ms,
        any_value(last_short.sampled_at) AS last_short
    FROM mark
    LEFT JOIN last_short ON last_short.consumer_group = mark.consumer_group
    WHERE mark.beyond AND (last_short.sampled_at IS NULL OR mark.sampled_at > last_short.sampled_at)
    GROUP BY mark.consumer_group
)
SELECT
    reader.consumer_group,
    CASE WHEN reader.committed_offset > reader."offset" THEN 'passed' ELSE 'not_reached' END AS state,
    reader.committed_offset,
    CASE
        WHEN reader.committed_offset > reader."offset" AND b.last_short IS NOT NULL
        THEN greatest(b.last_short, b.not_after - to_milliseconds(b.resolution_ms))
    END AS not_before,
    CASE WHEN reader.committed_offset > reader."offset" THEN b.not_after END AS not_after
FROM reader
LEFT JOIN first_beyond b ON b.consumer_group = reader.consumer_group
ORDER BY reader.consumer_group;

COMMENT ON MACRO TABLE passage IS 'One row for each group that reads the topic of an event: consumer_group, state (passed = committed beyond it, or not_reached), committed_offset on its partition, not_before and not_after (UTC; between which two samples it passed; not_before is NULL when it had passed before the first sample).';

-- How far each group has come, for any of several events, whose refs are written between commas.
-- A bracket ends with the first sample beyond the event after the last one that was not, and begins one sample before.
-- Beyond the committed offset a group may have finished records all the same: its client says which (then the last sample
-- ends the bracket), or something that is not understood (`?`), or it is a share group, whose records beyond the start
-- offset are in flight or not: unknown.
CREATE OR REPLACE MACRO passages_of(refs) AS TABLE
WITH place AS MATERIALIZED (
    SELECT r.ref, p.ordinal, p.cluster, p.topic, p.incarnation, p.partition, p.base + (r.ref & 1099511627775) AS "offset"
    FROM (SELECT CAST(unnest(string_split(refs, ',')) AS BIGINT) AS ref LIMIT 100000) r
    JOIN partition p ON p.ordinal = r.ref >> 40
),
topic_ordinal AS (
    SELECT place.ref, q.ordinal, q.partition = place.partition AS here, place."offset", q.cluster
    FROM partition q
    JOIN place ON q.cluster = place.cluster AND q.topic = place.topic AND q.incarnation = place.incarnation
),
reader AS (
    SELECT
        t.ref,
        r.consumer_group,
        max(r.committed_offset) FILTER (WHERE t.here) AS committed_offset,
        any_value(r.beyond) FILTER (WHERE t.here) AS beyond,
        max(r.sampled_at) FILTER (WHERE t.here) AS sampled_at,
        coalesce(bool_or(g.kind = 'share'), bool_or(r.state = 'no_offset_lag')) AS shared,
        any_value(t."offset") AS "offset"
    FROM progress_row r
    JOIN topic_ordinal t ON t.ordinal = r.ordinal
    LEFT JOIN group_row g ON g.cluster = t.cluster AND g.consumer_group = r.consumer_group
    GROUP BY t.ref, r.consumer_group
),
told AS (
    SELECT
        reader.*,
        CASE
            WHEN reader.committed_offset > reader."offset" THEN 'passed'
            WHEN reader.shared OR reader.beyond = '?' THEN 'unknown'
            WHEN is_done(reader.beyond, reader."offset") THEN 'beyond'
            ELSE 'not_reached'
        END AS state
    FROM reader
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
    t.ref,
    t.consumer_group,
    CASE t.state WHEN 'beyond' THEN 'passed' ELSE t.state END AS state,
    t.committed_offset,
    CASE
        WHEN t.state = 'passed' AND b.last_short IS NOT NULL
        THEN greatest(b.last_short, b.not_after - to_milliseconds(b.resolution_ms))
    END AS not_before,
    CASE t.state WHEN 'passed' THEN b.not_after WHEN 'beyond' THEN t.sampled_at END AS not_after
FROM told t
LEFT JOIN first_beyond b ON b.ref = t.ref AND b.consumer_group = t.consumer_group
ORDER BY t.ref, t.consumer_group;

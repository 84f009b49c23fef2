-- How far groups are behind, as they stood at the last sample, by group and topic, for /metrics. No event is read.
-- Share groups have no such lag.
-- $1: most series; groups and topics behind that, by name, are summed under `other`.
WITH series AS (
    SELECT
        cluster, consumer_group AS consumers, topic, sum(lag_offsets) AS lag_offsets, sum(lag_records) AS lag_records,
        max(lag_ms) AS lag_ms
    FROM progress
    WHERE state <> 'no_offset_lag'
    GROUP BY cluster, consumer_group, topic
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY cluster, consumers, topic) AS place FROM series
)
SELECT
    cluster,
    CASE WHEN place <= $1 THEN consumers ELSE 'other' END AS consumers,
    CASE WHEN place <= $1 THEN topic ELSE 'other' END AS topic,
    CAST(sum(lag_offsets) AS BIGINT) AS lag_offsets,
    CAST(sum(lag_records) AS BIGINT) AS lag_records,
    max(lag_ms) / 1000 AS lag_seconds,
    count(*) FILTER (WHERE place > $1) AS folded
FROM placed
GROUP BY ALL
ORDER BY 1, 2, 3;

-- What groups have passed since reading began, by topic, type and group, for /metrics.
-- $1: most series; see metrics_received.
WITH series AS (
    SELECT
        p.cluster,
        p.topic,
        coalesce(f.type, '') AS type,
        h.consumer_group AS consumers,
        sum(h.passed) AS n,
        min(h.first_minute) AS first_minute
    FROM passed_hour_row h
    JOIN partition p ON p.ordinal = h.topic_number
    JOIN profile f ON f.profile = h.profile
    GROUP BY p.cluster, p.topic, coalesce(f.type, ''), h.consumer_group
    HAVING sum(h.passed) > 0
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY first_minute, cluster, topic, type, consumers) AS place FROM series
),
kept AS (
    SELECT *, min(place) OVER (PARTITION BY cluster, topic, consumers) AS topic_place FROM placed
)
SELECT
    cluster,
    CASE WHEN topic_place <= $1 THEN topic ELSE 'other' END AS topic,
    CASE WHEN place <= $1 THEN type ELSE 'other' END AS type,
    CASE WHEN topic_place <= $1 THEN consumers ELSE 'other' END AS consumers,
    CAST(sum(n) AS BIGINT) AS n,
    count(*) FILTER (WHERE place > $1) AS folded
FROM kept
GROUP BY ALL
ORDER BY 1, 2, 3, 4;

-- What failed since reading began, one for each origin and group, by topic, type and group of the origin, for /metrics.
-- A group that is not known is empty.
-- $1: most series; see metrics_received.
WITH series AS (
    SELECT
        coalesce(p.cluster, c.cluster) AS cluster,
        coalesce(p.topic, c.topic, '') AS topic,
        coalesce(f.type, '') AS type,
        coalesce(c.consumer_group, '') AS consumers,
        sum(c.n) AS n,
        min(c.minute) AS first_minute
    FROM (
        SELECT topic_number, cluster, topic, profile, consumer_group, count(*) AS n, min(minute) AS minute
        FROM failure_case
        GROUP BY ALL
    ) c
    LEFT JOIN partition p ON p.ordinal = c.topic_number
    LEFT JOIN profile f ON f.profile = c.profile
    GROUP BY 1, 2, 3, 4
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

-- What groups have passed since reading began, by topic, type and group, for /metrics.
-- $1: most series; see metrics_received.
WITH series AS (
    SELECT
        cluster, topic, coalesce(type, '') AS type, consumer_group AS consumers, sum(passed) AS n,
        min(minute) AS first_minute
    FROM passed_minute
    GROUP BY cluster, topic, coalesce(type, ''), consumer_group
    HAVING sum(passed) > 0
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

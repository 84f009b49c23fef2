-- What failed since reading began, one for each origin and group, by topic, type and group of the origin, for /metrics.
-- A group that is not known is empty: what `minute` counts and no group of `passed_minute` does.
-- $1: most series; see metrics_received.
WITH part AS (
    SELECT minute, cluster, topic, type, '' AS consumers, failed FROM minute
    UNION ALL
    SELECT minute, cluster, topic, type, '', -failed FROM passed_minute
    UNION ALL
    SELECT minute, cluster, topic, type, consumer_group, failed FROM passed_minute
),
series AS (
    SELECT
        cluster, coalesce(topic, '') AS topic, coalesce(type, '') AS type, consumers, sum(failed) AS n,
        min(minute) AS first_minute
    FROM part
    WHERE failed <> 0
    GROUP BY cluster, coalesce(topic, ''), coalesce(type, ''), consumers
    HAVING sum(failed) > 0
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

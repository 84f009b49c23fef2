-- What was seen since reading began, by topic and type, for /metrics.
-- $1: most series. Later ones are summed under the type `other`, and those of later topics under the topic `other`:
-- first come, first kept, so that a series never changes its place.
WITH series AS (
    SELECT
        p.cluster,
        p.topic,
        coalesce(f.type, '') AS type,
        sum(h.received) AS n,
        date_trunc('minute', min(h.first_seen)) AS first_minute
    FROM hour_row h
    JOIN partition p ON p.ordinal = h.topic_number
    JOIN profile f ON f.profile = h.profile
    GROUP BY p.cluster, p.topic, coalesce(f.type, '')
    HAVING sum(h.received) > 0
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY first_minute, cluster, topic, type) AS place FROM series
),
kept AS (
    SELECT *, min(place) OVER (PARTITION BY cluster, topic) AS topic_place FROM placed
)
SELECT
    cluster,
    CASE WHEN topic_place <= $1 THEN topic ELSE 'other' END AS topic,
    CASE WHEN place <= $1 THEN type ELSE 'other' END AS type,
    CAST(sum(n) AS BIGINT) AS n,
    count(*) FILTER (WHERE place > $1) AS folded
FROM kept
GROUP BY ALL
ORDER BY 1, 2, 3;

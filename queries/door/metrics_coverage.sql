-- The share of each topic that was seen since reading began, for /metrics; of a topic that was made again the newest.
-- $1: most series; a ratio cannot be summed, so later topics, by name, only count as folded.
WITH series AS (
    SELECT cluster, topic, arg_max(coverage, incarnation) AS coverage
    FROM counts()
    WHERE consumer_group IS NULL AND coverage IS NOT NULL
    GROUP BY cluster, topic
)
SELECT cluster, topic, coverage, greatest(count(*) OVER () - $1, 0) AS folded
FROM series
ORDER BY cluster, topic
LIMIT $1;

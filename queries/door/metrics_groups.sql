-- What the members of each group do, for /metrics: one row a group that is there, so that a group that is gone has none.
-- $1: most groups; those behind that, by name, are counted under `other`.
WITH placed AS (
    SELECT
        cluster,
        consumer_group AS consumers,
        CASE WHEN denied THEN 'denied' ELSE coalesce(phase, 'unknown') END AS state,
        row_number() OVER (ORDER BY cluster, consumer_group) AS place
    FROM consumer_group
)
SELECT
    cluster,
    CASE WHEN place <= $1 THEN consumers ELSE 'other' END AS consumers,
    state,
    count(*) AS series,
    count(*) FILTER (WHERE place > $1) AS folded
FROM placed
GROUP BY ALL
ORDER BY 1, 2, 3;

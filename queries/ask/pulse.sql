-- Sums by minute over the topics that `totals` counts; $1 since, $2 until.
WITH counted AS (
    SELECT DISTINCT t.cluster, t.topic FROM topic t WHERE NOT is_plumbing(t.class)
),
part AS (
    SELECT time, cluster, topic, received, 0 AS passed, 0 AS failed, orphaned FROM received(since := $1, until := $2)
    UNION ALL
    SELECT time, cluster, topic, 0, passed, 0, 0 FROM passed(since := $1, until := $2)
    UNION ALL
    SELECT time, cluster, topic, 0, 0, failed, 0 FROM failed(since := $1, until := $2)
)
SELECT
    part.time AS minute,
    CAST(sum(part.received) AS BIGINT) AS received,
    CAST(sum(part.passed) AS BIGINT) AS passed,
    CAST(sum(part.failed) AS BIGINT) AS failed,
    CAST(sum(part.orphaned) AS BIGINT) AS orphaned
FROM part
JOIN counted c ON c.cluster = part.cluster AND c.topic = part.topic
GROUP BY part.time
ORDER BY 1;

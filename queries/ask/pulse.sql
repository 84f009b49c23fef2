-- Sums by minute over the topics that `totals` counts; $1 since, $2 until.
WITH counted AS (
    SELECT DISTINCT t.cluster, t.topic FROM topic t WHERE NOT is_plumbing(t.class)
),
seen AS (
    SELECT m.minute, sum(m.received) AS received, sum(m.failed) AS failed, sum(m.orphaned) AS orphaned
    FROM minute m
    JOIN counted c ON c.cluster = m.cluster AND c.topic = m.topic
    WHERE m.minute >= window_start($1) AND m.minute < window_end($2)
    GROUP BY m.minute
),
passed AS (
    SELECT m.minute, sum(m.passed) AS passed
    FROM passed_minute m
    JOIN counted c ON c.cluster = m.cluster AND c.topic = m.topic
    WHERE m.minute >= window_start($1) AND m.minute < window_end($2)
    GROUP BY m.minute
)
SELECT
    coalesce(s.minute, p.minute) AS minute,
    CAST(coalesce(s.received, 0) AS BIGINT) AS received,
    CAST(coalesce(p.passed, 0) AS BIGINT) AS passed,
    CAST(coalesce(s.failed, 0) AS BIGINT) AS failed,
    CAST(coalesce(s.orphaned, 0) AS BIGINT) AS orphaned
FROM seen s
FULL JOIN passed p ON p.minute = s.minute
ORDER BY 1;

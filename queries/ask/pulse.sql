-- Sums by minute over all topics of the business, $1 since, $2 until: whole minutes, as in `totals`.
WITH counted AS (
    SELECT t.cluster, t.topic FROM topic t WHERE t.class NOT IN ('internal', 'changelog', 'repartition')
),
seen AS (
    SELECT m.minute, sum(m.received) AS received, sum(m.failed) AS failed, sum(m.orphaned) AS orphaned
    FROM minute m
    WHERE m.minute >= date_trunc('minute', coalesce(CAST($1 AS TIMESTAMP), '-infinity'::TIMESTAMP))
        AND m.minute < coalesce(CAST($2 AS TIMESTAMP), 'infinity'::TIMESTAMP)
        AND (m.cluster, m.topic) IN (SELECT (c.cluster, c.topic) FROM counted c)
    GROUP BY m.minute
),
passed AS (
    SELECT m.minute, sum(m.passed) AS passed
    FROM passed_minute m
    WHERE m.minute >= date_trunc('minute', coalesce(CAST($1 AS TIMESTAMP), '-infinity'::TIMESTAMP))
        AND m.minute < coalesce(CAST($2 AS TIMESTAMP), 'infinity'::TIMESTAMP)
        AND (m.cluster, m.topic) IN (SELECT (c.cluster, c.topic) FROM counted c)
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

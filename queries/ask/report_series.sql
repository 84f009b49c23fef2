WITH plumbing AS (
    SELECT t.cluster, t.topic FROM topic t WHERE t.class IN ('internal', 'changelog', 'repartition')
),
received AS (
    SELECT
        time_bucket(to_seconds($4), m.minute, CAST($3 AS TIMESTAMP)) AS time,
        sum(m.received) AS received,
        sum(m.failed) AS failed
    FROM minute m
    ANTI JOIN plumbing USING (cluster, topic)
    WHERE m.minute >= CAST($1 AS TIMESTAMP) AND m.minute < CAST($2 AS TIMESTAMP)
    GROUP BY ALL
),
passed AS (
    SELECT time_bucket(to_seconds($4), m.minute, CAST($3 AS TIMESTAMP)) AS time, sum(m.passed) AS passed
    FROM passed_minute m
    ANTI JOIN plumbing USING (cluster, topic)
    WHERE m.minute >= CAST($1 AS TIMESTAMP) AND m.minute < CAST($2 AS TIMESTAMP)
    GROUP BY ALL
)
SELECT
    time,
    CAST(coalesce(received, 0) AS BIGINT) AS received,
    CAST(coalesce(passed, 0) AS BIGINT) AS passed,
    CAST(coalesce(failed, 0) AS BIGINT) AS failed
FROM received
FULL JOIN passed USING (time)
ORDER BY time;

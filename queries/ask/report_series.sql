-- $4: seconds of a step, which begin with $3.
WITH plumbing AS (
    SELECT t.cluster, t.topic FROM topic t WHERE is_plumbing(t.class)
),
part AS (
    SELECT time, cluster, topic, received, 0 AS passed, 0 AS failed
    FROM received(since := $1, until := $2, step_ms := bar_ms($3, $4))
    UNION ALL
    SELECT time, cluster, topic, 0, passed, 0 FROM passed(since := $1, until := $2, step_ms := bar_ms($3, $4))
    UNION ALL
    SELECT time, cluster, topic, 0, 0, failed FROM failed(since := $1, until := $2)
)
SELECT
    time_bucket(to_seconds($4), part.time, CAST($3 AS TIMESTAMP)) AS time,
    CAST(sum(part.received) AS BIGINT) AS received,
    CAST(sum(part.passed) AS BIGINT) AS passed,
    CAST(sum(part.failed) AS BIGINT) AS failed
FROM part
ANTI JOIN plumbing ON plumbing.cluster = part.cluster AND plumbing.topic = part.topic
GROUP BY 1
ORDER BY 1;

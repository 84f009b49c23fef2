CREATE OR REPLACE MACRO barrier_of(ref) AS TABLE
WITH judged AS MATERIALIZED (
    SELECT b.barrier, b.sampled_at, b.passed_at
    FROM verdict_row v
    JOIN barrier_row b ON b.barrier = v.barrier
    WHERE v.ref = CAST(ref AS BIGINT)
    ORDER BY b.barrier DESC
    LIMIT 1
),
vector AS (
    SELECT e.ordinal, arg_max(e.end_offset, e.barrier) AS end_offset
    FROM barrier_end_row e
    WHERE e.barrier <= (SELECT j.barrier FROM judged j)
    GROUP BY e.ordinal
)
SELECT
    j.barrier,
    j.sampled_at,
    j.passed_at,
    p.cluster,
    p.topic,
    p.partition,
    v.end_offset,
    c.next_offset
FROM judged j
CROSS JOIN vector v
JOIN partition p ON p.ordinal = v.ordinal
LEFT JOIN coverage_row c ON c.ordinal = v.ordinal AND c.reason IS NULL
ORDER BY p.cluster, p.topic, p.partition, v.end_offset;

COMMENT ON MACRO TABLE barrier_of IS 'The barrier that was read past before an event was called orphaned: a cause that was not seen below it is not there. One row a partition; none where the verdict needed no barrier. Columns: barrier (its number), sampled_at (UTC; when its sample began, after the event was read; NULL where the input ended, as that of an import does), passed_at (UTC; when it had been read past, at the latest), cluster, topic, partition, end_offset (the last stable offset then), next_offset (where reading goes on now: every offset before it was seen or is counted as missing).';

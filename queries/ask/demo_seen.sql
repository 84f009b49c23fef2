-- How far each partition was read and what was not seen of it. Records that came again are not missing.
SELECT
    topic,
    partition,
    CAST(max(next_offset) AS BIGINT) AS next_offset,
    CAST(coalesce(sum(seen), 0) AS BIGINT) AS seen,
    CAST(coalesce(sum(missing) FILTER (reason <> 'seen_before'), 0) AS BIGINT) AS missing
FROM coverage
GROUP BY topic, partition
ORDER BY topic, partition

SELECT
    c.cluster,
    c.topic,
    c.reason,
    count(*) AS partitions,
    CAST(sum(c.missing) AS BIGINT) AS missing,
    c.reason NOT IN ('control', 'aborted', 'compacted', 'compacted_or_transactional') AS lost
FROM coverage c
ANTI JOIN (SELECT t.cluster, t.topic FROM topic t WHERE t.class IN ('internal', 'changelog', 'repartition')) t
    ON t.cluster = c.cluster AND t.topic = c.topic
WHERE c.reason <> 'seen_before' AND c.missing > 0
GROUP BY c.cluster, c.topic, c.reason
ORDER BY lost DESC, missing DESC, c.cluster, c.topic, c.reason;

SELECT p.*, coordinates_name(p.topic, p.partition, coalesce(p.stands_at, p.committed_offset)) AS coordinates
FROM progress p
WHERE p.consumer_group = $1 AND ($2 IS NULL OR p.topic = $2)
QUALIFY p.incarnation = max(p.incarnation) OVER (PARTITION BY p.cluster, p.topic)
ORDER BY
    state_rank(p.state), coalesce(p.lag_records, p.lag_offsets, 0) DESC, p.cluster, p.topic, p.partition;

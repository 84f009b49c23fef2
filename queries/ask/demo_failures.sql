-- Every failure record with the coordinates of itself, its origin and its root, for the demo's verdict.
SELECT
    f.kind,
    f.state,
    e.topic,
    e.partition,
    e."offset",
    coalesce(o.topic, f.origin_topic) AS origin_topic,
    coalesce(o.partition, f.origin_partition) AS origin_partition,
    coalesce(o."offset", f.origin_offset) AS origin_offset,
    o.type AS origin_type,
    r.topic AS root_topic,
    r.partition AS root_partition,
    r."offset" AS root_offset,
    r.type AS root_type,
    f.consumer_group,
    f.error_class,
    f.orphan_reason,
    f.attended_by
FROM failure f
JOIN event e ON e.ref = f.ref
LEFT JOIN event o ON o.ref = f.origin
LEFT JOIN event r ON r.ref = f.root
ORDER BY e.topic, e.partition, e."offset"

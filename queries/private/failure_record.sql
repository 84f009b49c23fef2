-- Failure records with all that is derived from small tables. `counted_number` is the number of the topic under which a
-- failure counts: its origin's; NULL for one that is not read.
CREATE OR REPLACE VIEW failure_record AS
SELECT
    f.*,
    p.cluster,
    p.topic,
    coalesce(f.origin_topic, p.topic) AS counted_topic,
    CASE
        WHEN o.topic_number IS NOT NULL THEN o.topic_number
        WHEN f.origin_topic IS NOT NULL THEN n.topic_number
        ELSE p.topic_number
    END AS counted_number,
    -- What people count one failure of, together with the group: the record that failed, however well it is known.
    coalesce(
        CAST(f.origin AS VARCHAR),
        coordinates_name(f.origin_topic, f.origin_partition, f.origin_offset),
        'record ' || CAST(f.ref AS VARCHAR)
    ) AS failed_record,
    CASE WHEN a.committed_offset > p.base + (f.ref & 1099511627775) THEN a.consumer_group END AS attended_by
FROM failure_row f
JOIN partition p ON p.ordinal = f.ref >> 40
LEFT JOIN partition o ON o.ordinal = f.origin >> 40
LEFT JOIN (
    SELECT cluster, topic, max(topic_number) AS topic_number FROM partition GROUP BY cluster, topic
) n ON n.cluster = p.cluster AND n.topic = f.origin_topic
LEFT JOIN (
    SELECT
        ordinal,
        max(committed_offset) AS committed_offset,
        arg_max(consumer_group, committed_offset) AS consumer_group
    FROM progress_row
    GROUP BY ordinal
) a ON a.ordinal = p.ordinal;

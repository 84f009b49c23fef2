-- The group that has come furthest on each partition.
CREATE OR REPLACE VIEW attending AS
SELECT
    ordinal,
    max(committed_offset) AS committed_offset,
    arg_max(consumer_group, committed_offset) AS consumer_group
FROM progress_row
GROUP BY ordinal;

-- Failure records with what is derived from small tables. `own_number` is the number of the topic of the failure record,
-- `origin_number` that of its origin's topic; NULL where that is not known by a ref.
CREATE OR REPLACE VIEW failure_record AS
SELECT
    f.*,
    p.cluster,
    p.topic,
    p.topic_number AS own_number,
    o.topic_number AS origin_number,
    -- What people count one failure of, together with the group: the record that failed, however well it is known. A
    -- number, since a million texts group slowly: a ref; a hash above all refs where only coordinates are known; below
    -- zero a failure record that says nothing of its origin.
    CASE
        WHEN f.origin IS NOT NULL THEN f.origin
        WHEN f.origin_offset IS NULL OR f.origin_topic IS NULL OR f.origin_partition IS NULL THEN -1 - f.ref
        ELSE CAST(
            (hash(p.cluster, f.origin_topic, f.origin_partition, f.origin_offset) >> 2) | 4611686018427387904 AS BIGINT
        )
    END AS failed_record,
    CASE WHEN a.committed_offset > p.base + (f.ref & 1099511627775) THEN a.consumer_group END AS attended_by
FROM failure_row f
JOIN partition p ON p.ordinal = f.ref >> 40
LEFT JOIN partition o ON o.ordinal = f.origin >> 40
LEFT JOIN attending a ON a.ordinal = p.ordinal;

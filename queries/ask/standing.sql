-- How the tap itself stands. Unread: where a group is sampled, the log's end is known.
WITH seen AS (
    SELECT c.cluster, c.topic, c.incarnation, c.partition, c.next_offset FROM coverage c WHERE c.reason IS NULL
),
sampled AS (
    SELECT
        p.cluster,
        p.topic,
        p.incarnation,
        p.partition,
        max(p.log_end_offset) AS log_end_offset,
        max(p.sampled_at) AS sampled_at
    FROM progress p
    GROUP BY p.cluster, p.topic, p.incarnation, p.partition
)
SELECT
    (SELECT string_agg(DISTINCT t.cluster, ', ' ORDER BY t.cluster) FROM topic t) AS cluster,
    (SELECT max(m.last_seen) FROM minute_row m) AS seen_time,
    (SELECT max(s.sampled_at) FROM sampled s) AS sampled_at,
    (
        SELECT CAST(coalesce(sum(greatest(s.log_end_offset - seen.next_offset, 0)), 0) AS BIGINT)
        FROM sampled s
        JOIN seen ON seen.cluster = s.cluster AND seen.topic = s.topic AND seen.incarnation = s.incarnation
            AND seen.partition = s.partition
    ) AS unread,
    (SELECT CAST(t.value AS BIGINT) FROM tap t WHERE t.name = 'catch_up_ms') AS catch_up_ms,
    (SELECT CAST(t.value AS BIGINT) FROM tap t WHERE t.name = 'horizon_memory_ms') AS horizon_memory_ms,
    (SELECT CAST(t.value AS BIGINT) FROM tap t WHERE t.name = 'horizon_disk_ms') AS horizon_disk_ms,
    (
        SELECT count(*)
        FROM coverage c
        WHERE c.missing > 0
            AND c.reason NOT IN ('control', 'aborted', 'compacted', 'compacted_or_transactional', 'seen_before')
    ) AS gaps;

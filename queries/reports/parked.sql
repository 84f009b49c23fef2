CREATE OR REPLACE MACRO parked() AS TABLE
WITH letter AS MATERIALIZED (
    SELECT f.ref, f.seen_time, f.time, coalesce(f.ref < a.next_ref, false) AS attended
    FROM failure_row f
    LEFT JOIN attending a ON a.ordinal = f.ref >> 40
    WHERE f.marks >= 8
),
-- By the time of reading too: it tells in which few blocks the events lie.
sized AS (
    SELECT e.ref, e.key_bytes + e.value_bytes AS bytes, coalesce(e.record_time, e.time) AS record_time
    FROM event_row e
    JOIN letter l ON l.ref = e.ref AND l.seen_time = e.seen_time
)
SELECT
    p.cluster,
    p.topic,
    count(*) AS letters,
    count(*) FILTER (WHERE NOT l.attended) AS unattended,
    min(coalesce(s.record_time, l.time)) AS oldest_time,
    max(coalesce(s.record_time, l.time)) AS newest_time,
    CAST(sum(s.bytes) AS BIGINT) AS bytes,
    any_value(r.retention_ms) AS retention_ms,
    any_value(r.retention_bytes) AS retention_bytes,
    may_go_at(min(coalesce(s.record_time, l.time)), any_value(r.retention_ms)) AS first_loss,
    may_go_at(max(coalesce(s.record_time, l.time)), any_value(r.retention_ms)) AS last_loss,
    coalesce(any_value(r.compacted), false) AS compacted,
    count(r.topic) > 0 AS retention_known
FROM letter l
JOIN partition p ON p.ordinal = l.ref >> 40
LEFT JOIN sized s ON s.ref = l.ref
LEFT JOIN policy_row r ON r.cluster = p.cluster AND r.topic = p.topic
GROUP BY p.cluster, p.topic
ORDER BY first_loss NULLS LAST, letters DESC, p.cluster, p.topic;

COMMENT ON MACRO TABLE parked IS 'Dead letters that nothing has healed, by topic; what the log loses first comes first. Columns: cluster, topic, letters, unattended (of these, those that no group has passed), oldest_time, newest_time (their timestamps in the log, UTC), bytes (keys and values; NULL where their events were deleted here), retention_ms, retention_bytes (of a partition; NULL where nothing goes by age, or by size), first_loss, last_loss (since when the oldest and the newest may be deleted by age; NULL: never, or not known), compacted (a later record of the same key may take their place), retention_known (whether the tap may see how long the topic keeps its records).';

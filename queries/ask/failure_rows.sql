-- The latest; $1 is the limit.
SELECT
    ref, kind, state, origin, origin_evidence, origin_confidence, origin_topic, origin_partition, origin_offset, root,
    consumer_group, attempt, error_class, error_message, signature, time, orphan_reason, healed_by, seen_time,
    counted_minute, counted_profile, root_profile, group_evidence, array_to_string(candidate_groups, chr(31)),
    healed_evidence, coalesce(changed_at, seen_time, time)
FROM failure_row
ORDER BY time DESC, ref DESC
LIMIT $1;

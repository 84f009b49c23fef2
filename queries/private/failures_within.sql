-- The failures in a conversation, at most so many: those given up, then those that are tried again, the earliest first.
CREATE OR REPLACE MACRO failures_within(ids, slices, at_most) AS TABLE
WITH member AS MATERIALIZED (
    SELECT e.ref, coalesce(e.record_time, e.time) AS record_time FROM rows_within(ids, slices) e
),
chosen AS MATERIALIZED (
    SELECT f.*, m.record_time
    FROM failure_row f
    JOIN member m ON m.ref = f.ref
    ORDER BY f.marks & 3 = 2 DESC, f.marks & 1, f.time, f.ref
    LIMIT at_most
)
SELECT
    f.ref,
    p.cluster,
    p.topic,
    f.kind,
    f.state,
    f.origin,
    evidence_name(f.origin_evidence) AS origin_evidence,
    round(CAST(f.origin_confidence AS DOUBLE), 4) AS origin_confidence,
    f.origin_topic,
    f.origin_partition,
    f.origin_offset,
    f.root,
    f.consumer_group,
    group_evidence_name(f.group_evidence) AS group_evidence,
    f.candidate_groups,
    f.attempt,
    f.error_class,
    f.error_message,
    f.signature,
    f.time,
    orphan_reason_name(f.orphan_reason) AS orphan_reason,
    f.healed_by,
    healed_evidence_name(f.healed_evidence) AS healed_evidence,
    CASE WHEN f.ref < a.next_ref THEN a.consumer_group END AS attended_by,
    f.changed_at,
    f.record_time
FROM chosen f
JOIN partition p ON p.ordinal = f.ref >> 40
LEFT JOIN attending a ON a.ordinal = p.ordinal
ORDER BY f.time, f.ref;

CREATE OR REPLACE VIEW failure AS
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
    f.changed_at
FROM failure_row f
JOIN partition p ON p.ordinal = f.ref >> 40
LEFT JOIN attending a ON a.ordinal = f.ref >> 40;

COMMENT ON VIEW failure IS 'Evidenced failures, one row a failure record: a lower bound. People count one per (origin, consumer_group).';
COMMENT ON COLUMN failure.ref IS 'The failure record.';
COMMENT ON COLUMN failure.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN failure.topic IS 'Topic of the failure record.';
COMMENT ON COLUMN failure.kind IS 'dead_letter, retry or fault.';
COMMENT ON COLUMN failure.state IS 'retrying, dead or healed.';
COMMENT ON COLUMN failure.origin IS 'The record that failed, seen or only named.';
COMMENT ON COLUMN failure.origin_evidence IS 'Why the origin is believed: failure_coordinates, forward or, where the record names nothing, same_value (it repeats it: in its bytes, or in size, key and timestamp where these can be read no more).';
COMMENT ON COLUMN failure.origin_confidence IS '1.0 when certain; below 1 for same_value, always.';
COMMENT ON COLUMN failure.origin_topic IS 'Topic of the origin.';
COMMENT ON COLUMN failure.origin_partition IS 'Partition of the origin.';
COMMENT ON COLUMN failure.origin_offset IS 'Offset of the origin.';
COMMENT ON COLUMN failure.root IS 'The event that everything started with, once it is known.';
COMMENT ON COLUMN failure.consumer_group IS 'The group that failed, where it is known.';
COMMENT ON COLUMN failure.group_evidence IS 'Why consumer_group is believed: named (by the record), topic (by a name, or by a retry topic that only one group reads), ledger (no other group reads the topic of the origin).';
COMMENT ON COLUMN failure.candidate_groups IS 'Where consumer_group is not known: the groups that it can be, which read the topic of the origin; NULL when none is known.';
COMMENT ON COLUMN failure.attempt IS 'Attempts made, where the record counts them.';
COMMENT ON COLUMN failure.error_class IS 'Class or code of the error.';
COMMENT ON COLUMN failure.error_message IS 'Message of the error, bounded.';
COMMENT ON COLUMN failure.signature IS 'Same failure, other ids.';
COMMENT ON COLUMN failure.time IS 'The failure record''s own time, UTC.';
COMMENT ON COLUMN failure.orphan_reason IS 'Why the way back to the root is broken, when it is.';
COMMENT ON COLUMN failure.healed_by IS 'The event that shows the failure healed.';
COMMENT ON COLUMN failure.healed_evidence IS 'redrive (the event was given to the group again after it had given up, and no failure followed), later_success (its retries were consumed, and no failure followed) or effects (its usual effects came after the failure; weaker).';
COMMENT ON COLUMN failure.attended_by IS 'A group that has passed the failure record; NULL when none has.';
COMMENT ON COLUMN failure.changed_at IS 'Since when it stands as it does, UTC; how it stood before is told by macro failure_history.';

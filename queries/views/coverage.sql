CREATE OR REPLACE VIEW coverage AS
SELECT
    p.cluster,
    p.topic,
    p.incarnation,
    p.partition,
    gap_name(c.reason) AS reason,
    c.first_offset,
    c.next_offset,
    c.seen,
    c.missing
FROM coverage_row c
JOIN partition p ON p.ordinal = c.ordinal;

COMMENT ON VIEW coverage IS 'What was seen of each partition, and why the rest was not.';
COMMENT ON COLUMN coverage.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN coverage.topic IS 'Topic.';
COMMENT ON COLUMN coverage.incarnation IS 'Incarnation of the topic.';
COMMENT ON COLUMN coverage.partition IS 'Partition.';
COMMENT ON COLUMN coverage.reason IS 'NULL on the row that holds seen; else why offsets are missing: control, aborted, compacted, compacted_or_transactional, retention, not_readable, limit, corrupt, truncated, blocked_by_transaction, unknown_codec; seen_before counts records that came again and are not missing.';
COMMENT ON COLUMN coverage.first_offset IS 'Where reading began.';
COMMENT ON COLUMN coverage.next_offset IS 'Where reading goes on: every offset before it is seen or missing.';
COMMENT ON COLUMN coverage.seen IS 'Records seen; 0 on the rows of reasons.';
COMMENT ON COLUMN coverage.missing IS 'Offsets missing for this reason; 0 on the row that holds seen.';

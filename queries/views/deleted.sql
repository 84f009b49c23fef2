CREATE OR REPLACE VIEW deleted AS
SELECT
    p.cluster,
    p.topic,
    p.incarnation,
    p.partition,
    p.base + (d.first_ref & 1099511627775) AS first_offset,
    p.base + (d.last_ref & 1099511627775) + 1 AS next_offset,
    d.events,
    d.first_seen,
    d.last_seen
FROM deleted_row d
JOIN partition p ON p.ordinal = d.ordinal;

COMMENT ON VIEW deleted IS 'Events that were seen and have been deleted since, by the retention that is configured. Counts, failures and coverage still hold them.';
COMMENT ON COLUMN deleted.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN deleted.topic IS 'Topic.';
COMMENT ON COLUMN deleted.incarnation IS 'Incarnation of the topic.';
COMMENT ON COLUMN deleted.partition IS 'Partition.';
COMMENT ON COLUMN deleted.first_offset IS 'Offset of the first event that was deleted.';
COMMENT ON COLUMN deleted.next_offset IS 'Offset after the last event that was deleted.';
COMMENT ON COLUMN deleted.events IS 'Events that were deleted.';
COMMENT ON COLUMN deleted.first_seen IS 'When the tap saw the first of them, UTC.';
COMMENT ON COLUMN deleted.last_seen IS 'When the tap saw the last of them, UTC.';

CREATE OR REPLACE VIEW progress AS
SELECT
    p.cluster,
    r.consumer_group,
    p.topic,
    p.incarnation,
    p.partition,
    r.committed_offset,
    r.log_end_offset,
    r.lag_offsets,
    r.lag_records,
    r.lag_ms,
    r.state,
    r.sampled_at,
    r.resolution_ms,
    r.stands_at,
    r.velocity,
    r.eta_ms,
    r.retention_used,
    r.loses_data_in_ms,
    r.lost_offsets,
    r.beyond
FROM progress_row r
JOIN partition p ON p.ordinal = r.ordinal;

COMMENT ON VIEW progress IS 'How far each consumer group has come on each partition. Passed = consumed, as far as Kafka can show: committed beyond it.';
COMMENT ON COLUMN progress.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN progress.consumer_group IS 'The group.';
COMMENT ON COLUMN progress.topic IS 'Topic.';
COMMENT ON COLUMN progress.incarnation IS 'Incarnation of the topic.';
COMMENT ON COLUMN progress.partition IS 'Partition.';
COMMENT ON COLUMN progress.committed_offset IS 'The next offset that the group will read; of a share group its start offset; NULL when it never committed here.';
COMMENT ON COLUMN progress.log_end_offset IS 'Log end offset.';
COMMENT ON COLUMN progress.lag_offsets IS 'Kafka''s number: end minus committed.';
COMMENT ON COLUMN progress.lag_records IS 'Readable records that wait: markers, aborted records and holes are not work.';
COMMENT ON COLUMN progress.lag_ms IS 'Age of the oldest record that waits; NULL when it lies before what the tap has seen.';
COMMENT ON COLUMN progress.state IS 'stable, empty, dead, rebalancing, stalled, rewound, stuck, never_committed, blocked_by_transaction or no_offset_lag.';
COMMENT ON COLUMN progress.sampled_at IS 'When this was sampled, UTC.';
COMMENT ON COLUMN progress.resolution_ms IS 'Width of the bracket in which passed is known; 0 where the log of commits told the exact time.';
COMMENT ON COLUMN progress.stands_at IS 'The first readable record that waits; NULL when none does.';
COMMENT ON COLUMN progress.velocity IS 'Offsets a second that were committed over the last minute; NULL when too little was seen.';
COMMENT ON COLUMN progress.eta_ms IS 'Time until it has caught up at this rate; NULL when it does not.';
COMMENT ON COLUMN progress.retention_used IS 'Share of the topic''s retention that the oldest waiting record has used: 1 and more may be deleted.';
COMMENT ON COLUMN progress.loses_data_in_ms IS 'Time until the oldest waiting record may be deleted, from the sample; NULL when unknown or never.';
COMMENT ON COLUMN progress.lost_offsets IS 'Offsets that were deleted before the group passed them.';
COMMENT ON COLUMN progress.beyond IS 'What it finished beyond the committed offset: 812-815,820-821, each first to the one after the last; ? when its client says something that is not understood.';

CREATE OR REPLACE VIEW consumer_group AS
SELECT cluster, consumer_group, kind, phase, members, denied, sampled_at FROM group_row;

COMMENT ON VIEW consumer_group IS 'Each consumer group that the cluster lists, as it stood at the last sample that showed a change.';
COMMENT ON COLUMN consumer_group.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN consumer_group.consumer_group IS 'The group.';
COMMENT ON COLUMN consumer_group.kind IS 'simple (nobody joined it: somebody commits under its name), classic, consumer (KIP-848), streams, connect, share (KIP-932), other or unknown.';
COMMENT ON COLUMN consumer_group.phase IS 'What its members do: stable, empty, dead or rebalancing; NULL where that cannot be asked.';
COMMENT ON COLUMN consumer_group.members IS 'How many members it has; NULL where that cannot be asked.';
COMMENT ON COLUMN consumer_group.denied IS 'The tap may see nothing but its name.';
COMMENT ON COLUMN consumer_group.sampled_at IS 'The last sample in which any of this changed, UTC.';

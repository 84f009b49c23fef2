-- How far each group has come on each partition.
SELECT consumer_group, topic, partition, committed_offset, log_end_offset
FROM progress
WHERE committed_offset IS NOT NULL
ORDER BY consumer_group, topic, partition

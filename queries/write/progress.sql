-- A mark for each committed offset that changed, and for the first one of a group and partition.
INSERT INTO progress_mark
SELECT s.consumer_group, s.ordinal, s.committed_offset, s.sampled_at, s.resolution_ms
FROM progress_stage s
LEFT JOIN progress_row r ON r.consumer_group = s.consumer_group AND r.ordinal = s.ordinal
WHERE r.ordinal IS NULL OR r.committed_offset IS DISTINCT FROM s.committed_offset;

DELETE FROM progress_row
USING progress_stage s
WHERE progress_row.consumer_group = s.consumer_group AND progress_row.ordinal = s.ordinal;

INSERT INTO progress_row FROM progress_stage;

DELETE FROM progress_stage;

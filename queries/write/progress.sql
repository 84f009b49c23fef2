DELETE FROM progress_row
USING progress_stage s
WHERE progress_row.consumer_group = s.consumer_group AND progress_row.ordinal = s.ordinal;

INSERT INTO progress_row FROM progress_stage;

DELETE FROM progress_stage;

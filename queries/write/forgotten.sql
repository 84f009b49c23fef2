DELETE FROM progress_row
USING forgotten_stage s
WHERE progress_row.consumer_group = s.consumer_group AND progress_row.ordinal = s.ordinal;

DELETE FROM forgotten_stage;

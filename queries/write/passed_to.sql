DELETE FROM passed_to_row
USING passed_to_stage s
WHERE passed_to_row.consumer_group = s.consumer_group AND passed_to_row.ordinal = s.ordinal;

INSERT INTO passed_to_row FROM passed_to_stage;

DELETE FROM passed_to_stage;

DELETE FROM group_row
USING group_stage s
WHERE group_row.cluster = s.cluster AND group_row.consumer_group = s.consumer_group;

INSERT INTO group_row FROM group_stage;

DELETE FROM group_stage;

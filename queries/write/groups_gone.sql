DELETE FROM group_row
USING gone_stage s
WHERE group_row.cluster = s.cluster AND group_row.consumer_group = s.consumer_group;

DELETE FROM gone_stage;

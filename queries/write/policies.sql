DELETE FROM policy_row
USING policy_stage s
WHERE policy_row.cluster = s.cluster AND policy_row.topic = s.topic;

INSERT INTO policy_row FROM policy_stage;

DELETE FROM policy_stage;

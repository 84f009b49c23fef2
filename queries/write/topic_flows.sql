UPDATE topic_flow_row SET events = topic_flow_row.events + s.events
FROM topic_flow_change s
WHERE topic_flow_row.from_topic = s.from_topic AND topic_flow_row.to_topic = s.to_topic
  AND topic_flow_row.evidence = s.evidence;

INSERT INTO topic_flow_row
SELECT s.*
FROM topic_flow_change s
ANTI JOIN topic_flow_row r ON r.from_topic = s.from_topic AND r.to_topic = s.to_topic AND r.evidence = s.evidence;

DELETE FROM topic_flow_stage;

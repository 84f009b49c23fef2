UPDATE passed_row SET passed = passed_row.passed + s.passed
FROM passed_stage s
WHERE passed_row.minute = s.minute AND passed_row.consumer_group = s.consumer_group
  AND passed_row.topic_number = s.topic_number AND passed_row.profile = s.profile;

INSERT INTO passed_row
SELECT s.*
FROM passed_stage s
ANTI JOIN passed_row r ON r.minute = s.minute AND r.consumer_group = s.consumer_group
    AND r.topic_number = s.topic_number AND r.profile = s.profile;

UPDATE passed_hour_row SET
    passed = passed_hour_row.passed + s.passed,
    first_minute = least(passed_hour_row.first_minute, s.first_minute)
FROM passed_hour_change s
WHERE passed_hour_row.hour = s.hour AND passed_hour_row.consumer_group = s.consumer_group
  AND passed_hour_row.topic_number = s.topic_number AND passed_hour_row.profile = s.profile;

INSERT INTO passed_hour_row
SELECT s.*
FROM passed_hour_change s
ANTI JOIN passed_hour_row r ON r.hour = s.hour AND r.consumer_group = s.consumer_group
    AND r.topic_number = s.topic_number AND r.profile = s.profile;

DELETE FROM passed_stage;

UPDATE type_row SET
    events = type_row.events + s.events,
    first_time = least(type_row.first_time, s.first_time),
    last_time = greatest(type_row.last_time, s.last_time)
FROM type_stage s
WHERE type_row.topic_number = s.topic_number AND type_row.profile = s.profile;

INSERT INTO type_row
SELECT s.*
FROM type_stage s
ANTI JOIN type_row r ON r.topic_number = s.topic_number AND r.profile = s.profile;

DELETE FROM type_stage;

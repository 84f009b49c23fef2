CREATE OR REPLACE MACRO passed(since := NULL, until := NULL, step_ms := 60000) AS TABLE
SELECT m.minute AS time, p.cluster, m.consumer_group, p.topic, f.type, m.passed
FROM passed_in(since, until, step_ms) m
JOIN partition p ON p.ordinal = m.topic_number
JOIN profile f ON f.profile = m.profile;

COMMENT ON MACRO TABLE passed IS 'What a chart of passed events draws: sums over its bars are those of view passed_minute. since, until, step_ms: as in macro received. Columns: time (when the minute or hour of the row began), cluster, consumer_group, topic, type (NULL where the record names none), passed (events that the group is beyond now, by the time of the event). One time, group, topic and type may have several rows.';

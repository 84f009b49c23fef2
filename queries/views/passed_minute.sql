CREATE OR REPLACE VIEW passed_minute AS
SELECT
    minute,
    cluster,
    consumer_group,
    topic,
    type,
    CAST(sum(passed) AS BIGINT) AS passed,
    CAST(sum(failed) AS BIGINT) AS failed
FROM (
    SELECT r.minute, p.cluster, r.consumer_group, p.topic, f.type, r.passed, 0 AS failed
    FROM passed_row r
    JOIN partition p ON p.ordinal = r.topic_number
    JOIN profile f ON f.profile = r.profile
    UNION ALL
    SELECT
        c.minute, coalesce(p.cluster, c.cluster), c.consumer_group, coalesce(p.topic, c.topic), f.type, 0, 1
    FROM failure_case c
    LEFT JOIN partition p ON p.ordinal = c.topic_number
    LEFT JOIN profile f ON f.profile = c.profile
    WHERE c.consumer_group IS NOT NULL
)
GROUP BY minute, cluster, consumer_group, topic, type
HAVING sum(passed) <> 0 OR sum(failed) <> 0;

COMMENT ON VIEW passed_minute IS 'What each group passed and what it failed on, by the minute of the event. Passed = consumed, as far as Kafka can show: committed beyond it. A rewind takes it back.';
COMMENT ON COLUMN passed_minute.minute IS 'Minute in which the tap saw the event, UTC; never that of the commit.';
COMMENT ON COLUMN passed_minute.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN passed_minute.consumer_group IS 'The group.';
COMMENT ON COLUMN passed_minute.topic IS 'Topic; of a failure, the topic of its origin.';
COMMENT ON COLUMN passed_minute.type IS 'Event type; NULL where the record names none, and for failures whose origin was not seen.';
COMMENT ON COLUMN passed_minute.passed IS 'Events that the group has passed, failed ones included.';
COMMENT ON COLUMN passed_minute.failed IS 'Distinct origins on which this group failed, healed ones included. Failures that name no group are in view minute only.';

CREATE OR REPLACE VIEW passed_minute AS
SELECT
    date_trunc('minute', e.seen_time) AS minute,
    p.cluster,
    r.consumer_group,
    p.topic,
    CAST(NULL AS VARCHAR) AS type,
    count(*) AS passed,
    CAST(0 AS BIGINT) AS failed
FROM any_event e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN progress_row r ON r.ordinal = p.ordinal AND r.committed_offset > p.base + (e.ref & 1099511627775)
GROUP BY ALL;

COMMENT ON VIEW passed_minute IS 'Passed by minute.';
COMMENT ON COLUMN passed_minute.minute IS 'Minute of the events, UTC.';
COMMENT ON COLUMN passed_minute.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN passed_minute.consumer_group IS 'The group.';
COMMENT ON COLUMN passed_minute.topic IS 'Topic.';
COMMENT ON COLUMN passed_minute.type IS 'Type.';
COMMENT ON COLUMN passed_minute.passed IS 'Passed.';
COMMENT ON COLUMN passed_minute.failed IS 'Failed.';

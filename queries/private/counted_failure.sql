-- One row a failure as people count them: one an origin and group, with all its attempts.
CREATE OR REPLACE VIEW counted_failure AS
SELECT
    cluster,
    consumer_group,
    min(counted_minute) AS minute,
    arg_min(counted_topic, counted_minute) AS topic,
    arg_min(counted_number, counted_minute) AS topic_number,
    max(counted_profile) AS profile,
    bool_or(state = 'healed') AS healed,
    bool_or(state = 'dead') AND NOT bool_or(state = 'healed') AS dead,
    NOT bool_or(state = 'dead') AND NOT bool_or(state = 'healed') AS retrying,
    bool_or(orphan_reason IS NOT NULL) AS orphaned,
    bool_or(kind = 'dead_letter' AND attended_by IS NULL AND state <> 'healed') AS unattended
FROM failure_record
GROUP BY cluster, consumer_group, failed_record;

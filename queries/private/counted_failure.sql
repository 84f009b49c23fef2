-- Failures as people count them (one an origin and group, with all its attempts) by minute, topic, profile and group. The
-- topic is the origin's; `topic_number` is NULL for one that is not read. Names are joined to the sums.
CREATE OR REPLACE VIEW counted_failure AS
WITH one AS (
    SELECT
        consumer_group,
        min(counted_minute) AS minute,
        arg_min(
            CASE WHEN origin_topic IS NULL AND origin_number IS NULL THEN own_number ELSE origin_number END, counted_minute
        ) AS topic_number,
        min(CASE WHEN origin_number IS NULL THEN origin_topic END) AS named_topic,
        min(own_number) AS own_number,
        max(counted_profile) AS profile,
        bool_or(state = 'healed') AS healed,
        bool_or(state = 'dead') AS dead,
        bool_or(orphan_reason IS NOT NULL) AS orphaned,
        bool_or(kind = 'dead_letter' AND attended_by IS NULL AND state <> 'healed') AS unattended
    FROM failure_record
    GROUP BY consumer_group, failed_record
),
summed AS (
    SELECT
        minute,
        consumer_group,
        topic_number,
        CASE WHEN topic_number IS NULL THEN named_topic END AS named_topic,
        CASE WHEN topic_number IS NULL THEN own_number END AS own_number,
        profile,
        count(*) AS failed,
        count(*) FILTER (WHERE healed) AS healed,
        count(*) FILTER (WHERE dead AND NOT healed) AS dead,
        count(*) FILTER (WHERE NOT dead AND NOT healed) AS retrying,
        count(*) FILTER (WHERE orphaned) AS orphaned,
        count(*) FILTER (WHERE unattended) AS unattended
    FROM one
    GROUP BY ALL
)
SELECT
    s.minute,
    coalesce(p.cluster, o.cluster) AS cluster,
    s.consumer_group,
    coalesce(p.topic, s.named_topic) AS topic,
    coalesce(s.topic_number, n.topic_number) AS topic_number,
    s.profile,
    s.failed,
    s.healed,
    s.dead,
    s.retrying,
    s.orphaned,
    s.unattended
FROM summed s
LEFT JOIN partition p ON p.ordinal = s.topic_number
-- A topic that is known by its name only.
LEFT JOIN partition o ON o.ordinal = s.own_number
LEFT JOIN (
    SELECT cluster, topic, max(topic_number) AS topic_number FROM partition GROUP BY cluster, topic
) n ON n.cluster = o.cluster AND n.topic = s.named_topic;

CREATE OR REPLACE VIEW topic AS
SELECT
    p.cluster,
    p.topic,
    p.incarnation,
    arg_min(p.class, p.ordinal) AS class,
    CAST(count(DISTINCT p.partition) AS INTEGER) AS partitions,
    CAST(coalesce(sum(c.seen), 0) AS BIGINT) AS received,
    min(t.first_time) AS first_time,
    max(t.last_time) AS last_time,
    coalesce(max(t.types), 0) AS types
FROM partition p
LEFT JOIN coverage_row c ON c.ordinal = p.ordinal AND c.reason IS NULL
LEFT JOIN (
    SELECT
        r.topic_number,
        min(r.first_time) AS first_time,
        max(r.last_time) AS last_time,
        count(DISTINCT f.type) AS types
    FROM type_row r
    JOIN profile f ON f.profile = r.profile
    GROUP BY r.topic_number
) t ON t.topic_number = p.topic_number
GROUP BY p.cluster, p.topic, p.incarnation;

COMMENT ON VIEW topic IS 'Topics that are read.';
COMMENT ON COLUMN topic.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN topic.topic IS 'Topic.';
COMMENT ON COLUMN topic.incarnation IS '0 for the first topic of this name, one more each time it was created anew.';
COMMENT ON COLUMN topic.class IS 'business, retry, dead_letter, changelog, repartition, mirror or internal.';
COMMENT ON COLUMN topic.partitions IS 'Partitions that are read.';
COMMENT ON COLUMN topic.received IS 'Records seen; view coverage says what was not.';
COMMENT ON COLUMN topic.first_time IS 'Earliest event time, UTC.';
COMMENT ON COLUMN topic.last_time IS 'Latest event time, UTC.';
COMMENT ON COLUMN topic.types IS 'Event types seen; 0 where no record names one.';

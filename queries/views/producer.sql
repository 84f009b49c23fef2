CREATE OR REPLACE VIEW producer AS
SELECT
    r.producer,
    r.cluster,
    r.producer_id,
    r.epoch,
    CAST(NULL AS VARCHAR) AS transactional_id,
    s.first_time,
    s.last_time,
    CAST(coalesce(s.topics, 0) AS INTEGER) AS topics,
    coalesce(s.records, 0) AS records,
    CAST(NULL AS BIGINT) AS sequence_holes
FROM producer_row r
LEFT JOIN (
    SELECT
        e.producer,
        min(e.time) AS first_time,
        max(e.time) AS last_time,
        count(DISTINCT p.topic_number) AS topics,
        count(*) AS records
    FROM event_row e
    JOIN partition p ON p.ordinal = e.ref >> 40
    WHERE e.producer IS NOT NULL
    GROUP BY e.producer
) s ON s.producer = r.producer;

COMMENT ON VIEW producer IS 'Producer instances as record batches carry them. Not service names. Reads every event: not for panels that refresh.';
COMMENT ON COLUMN producer.producer IS 'Number of the producer in this file.';
COMMENT ON COLUMN producer.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN producer.producer_id IS 'Producer id.';
COMMENT ON COLUMN producer.epoch IS 'Producer epoch.';
COMMENT ON COLUMN producer.transactional_id IS 'Transactional id; NULL while it is not known.';
COMMENT ON COLUMN producer.first_time IS 'Earliest event time, UTC.';
COMMENT ON COLUMN producer.last_time IS 'Latest event time, UTC.';
COMMENT ON COLUMN producer.topics IS 'Topics it wrote to.';
COMMENT ON COLUMN producer.records IS 'Records of it that were seen.';
COMMENT ON COLUMN producer.sequence_holes IS 'Holes in its sequence numbers; NULL while they are not kept.';

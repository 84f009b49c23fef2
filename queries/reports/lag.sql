CREATE OR REPLACE MACRO lag() AS TABLE
WITH behind AS (
    SELECT
        r.*,
        p.cluster,
        p.topic,
        p.incarnation,
        p.partition,
        row_number() OVER (
            PARTITION BY p.cluster, r.consumer_group, p.topic
            ORDER BY r.state IN ('stable', 'empty'), coalesce(r.lag_records, r.lag_offsets, 0) DESC, p.partition
        ) AS place
    FROM progress_row r
    JOIN partition p ON p.ordinal = r.ordinal
),
-- Only partitions with lag are joined with events, and only slices that hold what waits.
late AS MATERIALIZED (
    SELECT
        b.cluster,
        b.consumer_group,
        b.topic,
        b.ordinal,
        (CAST(b.ordinal AS BIGINT) << 40) + (b.committed_offset & 1099511627775) AS next_ref
    FROM behind b
    WHERE b.lag_offsets > 0
),
waiting AS (
    SELECT b.cluster, b.consumer_group, b.topic, count(*) AS waiting_events
    FROM event_row e
    JOIN late b ON b.ordinal = e.ref >> 40 AND e.ref >= b.next_ref
    WHERE e.slice IN (
        SELECT r.slice FROM slice_range r JOIN late ON r.ordinal = late.ordinal AND r.last_ref >= late.next_ref
        UNION ALL
        SELECT open_slice()
    )
    GROUP BY b.cluster, b.consumer_group, b.topic
)
SELECT
    b.consumer_group,
    b.topic,
    CAST(sum(b.lag_offsets) AS BIGINT) AS lag_offsets,
    CAST(sum(b.lag_records) AS BIGINT) AS lag_records,
    max(b.lag_ms) AS lag_ms,
    coalesce(any_value(w.waiting_events), 0) AS waiting_events,
    any_value(b.state) FILTER (WHERE b.place = 1) AS state,
    any_value(b.partition) FILTER (WHERE b.place = 1) AS worst_partition,
    any_value(b.committed_offset) FILTER (WHERE b.place = 1) AS worst_committed_offset,
    max(b.sampled_at) AS sampled_at,
    b.cluster
FROM behind b
LEFT JOIN waiting w ON w.cluster = b.cluster AND w.consumer_group = b.consumer_group AND w.topic = b.topic
GROUP BY b.cluster, b.consumer_group, b.topic
ORDER BY lag_records DESC NULLS LAST, lag_offsets DESC NULLS LAST, b.consumer_group, b.topic;

COMMENT ON MACRO TABLE lag IS 'Consumer groups behind, one row a group and topic: consumer_group, topic, lag_offsets (Kafka''s number, summed), lag_records (readable records that wait), lag_ms (age of the oldest), waiting_events (events seen and not yet passed), state, worst_partition and worst_committed_offset (of the partition that stands worst: first by state, then by records), sampled_at (UTC), cluster.';

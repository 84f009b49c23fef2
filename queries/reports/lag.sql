CREATE OR REPLACE MACRO lag() AS TABLE
WITH RECURSIVE stands AS MATERIALIZED (
    SELECT
        s.*,
        coalesce(s.lag_records, s.lag_offsets, 0) AS waits,
        row_number() OVER (
            PARTITION BY s.cluster, s.consumer_group, s.topic
            ORDER BY state_rank(s.state), coalesce(s.lag_records, s.lag_offsets, 0) DESC, s.partition
        ) AS place
    FROM stand s
),
waiting AS MATERIALIZED (
    SELECT w.reader, w.conversation, count(*) AS events, min(coalesce(w.record_time, w.time)) AS oldest
    FROM waiting_rows(NULL, NULL, NULL) w
    GROUP BY w.reader, w.conversation
),
-- Conversations are written under the id that they had then: each is followed to the one it belongs to now.
followed(id, current_id) AS (
    SELECT a.old_id, a.current_id FROM alias_row a WHERE a.old_id IN (SELECT w.conversation FROM waiting w)
    UNION
    SELECT f.id, a.current_id FROM followed f JOIN alias_row a ON a.old_id = f.current_id
),
current AS MATERIALIZED (
    SELECT f.id, f.current_id FROM followed f ANTI JOIN alias_row a ON a.old_id = f.current_id
),
work AS (
    SELECT
        w.reader,
        CAST(sum(w.events) AS BIGINT) AS events,
        count(DISTINCT coalesce(c.current_id, w.conversation)) AS conversations,
        min(w.oldest) AS oldest
    FROM waiting w
    LEFT JOIN current c ON c.id = w.conversation
    GROUP BY w.reader
),
valued AS (
    SELECT v.reader, sum(v.number) AS value, count(*) AS events FROM waiting_values(NULL, NULL, NULL) v GROUP BY v.reader
),
told AS (
    SELECT
        b.cluster,
        b.consumer_group,
        b.topic,
        any_value(w.events) AS events,
        any_value(w.conversations) AS conversations,
        greatest((epoch_us(max(b.sampled_at)) - epoch_us(any_value(w.oldest))) // 1000, 0) AS oldest_ms,
        any_value(v.value) AS value,
        any_value(v.events) AS value_events
    FROM behind b
    LEFT JOIN work w ON w.reader = b.reader
    LEFT JOIN valued v ON v.reader = b.reader
    GROUP BY b.cluster, b.consumer_group, b.topic
),
summed AS (
    SELECT
        s.cluster,
        s.consumer_group,
        s.topic,
        -- A commit beyond the end hides nothing of what waits elsewhere.
        CAST(sum(CASE WHEN s.lag_offsets < 0 THEN 0 ELSE s.lag_offsets END) AS BIGINT) AS lag_offsets,
        -- Of some known and some unknown, the whole is unknown.
        CASE WHEN NOT bool_or(s.lag_offsets > 0 AND s.lag_records IS NULL) THEN CAST(sum(s.lag_records) AS BIGINT) END
            AS lag_records,
        CASE WHEN NOT bool_or(s.waits > 0 AND s.lag_ms IS NULL) THEN max(s.lag_ms) END AS lag_ms,
        any_value(s.state) FILTER (WHERE s.place = 1) AS state,
        any_value(s.partition) FILTER (WHERE s.place = 1) AS worst_partition,
        any_value(s.committed_offset) FILTER (WHERE s.place = 1) AS worst_committed_offset,
        any_value(coordinates_name(s.topic, s.partition, coalesce(s.stands_at, s.committed_offset)))
            FILTER (WHERE s.place = 1 AND s.waits > 0 AND NOT s.shared) AS coordinates,
        max(s.sampled_at) AS sampled_at,
        max(s.resolution_ms) AS resolution_ms,
        round(sum(s.velocity), 3) AS velocity,
        -- Caught up when the last of them is; never, when one of them is not.
        CASE WHEN bool_and(s.eta_ms IS NOT NULL) FILTER (WHERE s.waits > 0) THEN max(s.eta_ms) FILTER (WHERE s.waits > 0) END
            AS eta_ms,
        min(s.loses_data_in_ms) AS loses_data_in_ms,
        round(max(s.retention_used), 4) AS retention_used,
        CAST(sum(coalesce(s.lost_offsets, 0)) AS BIGINT) AS lost_offsets,
        any_value(s.kind) AS kind,
        any_value(s.phase) AS phase,
        any_value(s.members) AS members,
        coalesce(any_value(s.denied), false) AS denied,
        bool_or(s.shared) AS shared,
        bool_or(s.beyond IS NOT NULL) AS out_of_order,
        bool_or(coalesce(s.beyond = '?', false)) AS at_most,
        count(*) AS partitions,
        count(s.lag_offsets) AS partitions_known
    FROM stands s
    GROUP BY s.cluster, s.consumer_group, s.topic
    UNION ALL
    -- Those of which no offset is known: they are there all the same.
    SELECT
        g.cluster, g.consumer_group, NULL, NULL, NULL, NULL,
        CASE
            WHEN g.denied THEN 'denied'
            WHEN g.kind = 'share' THEN 'no_offset_lag'
            WHEN g.members > 0 AND g.kind NOT IN ('connect', 'other') THEN 'never_committed'
            ELSE coalesce(g.phase, 'unknown')
        END,
        NULL, NULL, NULL, g.sampled_at, NULL, NULL, NULL, NULL, NULL, 0, g.kind, g.phase, g.members, g.denied,
        g.kind = 'share', false, false, 0, 0
    FROM group_row g
    ANTI JOIN stands s ON s.cluster = g.cluster AND s.consumer_group = g.consumer_group
)
SELECT
    s.consumer_group,
    s.topic,
    s.lag_offsets,
    s.lag_records,
    s.lag_ms,
    CASE WHEN NOT s.shared AND s.partitions > 0 THEN coalesce(w.events, 0) END AS waiting_events,
    s.state,
    s.worst_partition,
    s.worst_committed_offset,
    s.sampled_at,
    s.cluster,
    CASE WHEN NOT s.shared AND s.partitions > 0 THEN coalesce(w.conversations, 0) END AS waiting_conversations,
    w.oldest_ms,
    w.value AS waiting_value,
    lag_field() AS value_field,
    CASE WHEN lag_field() IS NOT NULL AND NOT s.shared AND s.partitions > 0 THEN coalesce(w.value_events, 0) END AS value_events,
    s.at_most AS waiting_at_most,
    s.velocity,
    s.eta_ms,
    s.loses_data_in_ms,
    s.retention_used,
    s.lost_offsets,
    coalesce(s.kind, 'unknown') AS kind,
    s.phase,
    s.members,
    s.denied,
    NOT s.shared AND NOT s.out_of_order AS in_order,
    s.coordinates,
    s.partitions,
    s.partitions_known,
    s.resolution_ms
FROM summed s
LEFT JOIN told w ON w.cluster = s.cluster AND w.consumer_group = s.consumer_group AND w.topic = s.topic
ORDER BY s.lag_records DESC NULLS LAST, s.lag_offsets DESC NULLS LAST, s.consumer_group, s.topic, s.cluster;

COMMENT ON MACRO TABLE lag IS 'Consumer groups and how far they are behind, one row a group and topic, and one for each group of which no offset is known (topic is NULL then). Passed = consumed, as far as Kafka can show: committed beyond it. Columns: consumer_group, topic, lag_offsets (Kafka''s number, summed over partitions_known; a commit beyond the end counts 0), lag_records (readable records that wait; of a share group those that its broker has yet to deliver; NULL where some wait that the tap has not read), lag_ms (age of the oldest; NULL where it lies before what the tap has read), waiting_events (events seen, not yet passed and below the log''s end at the sample; NULL where that cannot be told), state (as in view progress, of the partition that stands worst; denied: the tap may see nothing but the name; unknown: the broker does not tell), worst_partition and worst_committed_offset (of the partition that stands worst: by state, then by records), sampled_at (UTC), cluster, waiting_conversations (distinct conversations of the waiting events), oldest_ms (age of the oldest waiting event at the sample, by record time), waiting_value (sum of the configured field over the waiting events), value_field (name of that field, [lag] value in headwater.toml; NULL where none is configured), value_events (waiting events that carry it), waiting_at_most (its client finishes records out of order and does not say which: less may wait), velocity (offsets a second committed over the last minute), eta_ms (until the last partition has caught up at its rate; NULL when nothing waits or one does not catch up), loses_data_in_ms (until the oldest waiting record may be deleted), retention_used (largest share of the retention that a waiting record has used: 1 and more may be deleted), lost_offsets (deleted before they were passed), kind (of group), phase (what its members do), members, denied, in_order (it commits in order, so one record can hold up all behind it), coordinates (of the first record that waits on the worst partition), partitions, partitions_known (those with a committed offset), resolution_ms (width of the bracket in which passed is known; 0 = exact).';

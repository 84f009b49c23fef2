CREATE OR REPLACE MACRO waiting_types(consumer_group, topic := NULL, cluster := NULL) AS TABLE
WITH RECURSIVE kind AS MATERIALIZED (
    SELECT f.profile, min(f.profile) OVER (PARTITION BY f.type) AS number FROM profile f
),
waits AS MATERIALIZED (
    SELECT w.reader, k.number, w.conversation, count(*) AS events, min(coalesce(w.record_time, w.time)) AS oldest
    FROM waiting_rows(consumer_group, topic, cluster) w
    JOIN kind k ON k.profile = w.profile
    GROUP BY w.reader, k.number, w.conversation
),
-- As in `lag`: each conversation is followed to the one it belongs to now.
followed(id, current_id) AS (
    SELECT a.old_id, a.current_id FROM alias_row a WHERE a.old_id IN (SELECT w.conversation FROM waits w)
    UNION
    SELECT f.id, a.current_id FROM followed f JOIN alias_row a ON a.old_id = f.current_id
),
current AS MATERIALIZED (
    SELECT f.id, f.current_id FROM followed f ANTI JOIN alias_row a ON a.old_id = f.current_id
),
told AS (
    SELECT
        w.reader,
        w.number,
        sum(w.events) AS events,
        count(DISTINCT coalesce(c.current_id, w.conversation)) AS conversations,
        min(w.oldest) AS oldest
    FROM waits w
    LEFT JOIN current c ON c.id = w.conversation
    GROUP BY w.reader, w.number
),
valued AS (
    SELECT w.reader, k.number, count(*) AS events, sum(a.number) AS value
    FROM waiting_values(consumer_group, topic, cluster) a
    JOIN waiting_rows(consumer_group, topic, cluster) w ON w.ref = a.ref AND w.reader = a.reader
    JOIN kind k ON k.profile = w.profile
    GROUP BY w.reader, k.number
),
place AS (
    SELECT b.reader, b.cluster, b.consumer_group, b.topic, max(b.sampled_at) AS sampled_at
    FROM behind b
    GROUP BY b.reader, b.cluster, b.consumer_group, b.topic
)
SELECT
    p.cluster,
    p.consumer_group,
    p.topic,
    f.type,
    CAST(t.events AS BIGINT) AS events,
    t.conversations,
    greatest((epoch_us(p.sampled_at) - epoch_us(t.oldest)) // 1000, 0) AS oldest_ms,
    v.value,
    lag_field() AS value_field,
    CASE WHEN lag_field() IS NOT NULL THEN coalesce(v.events, 0) END AS value_events
FROM told t
JOIN place p ON p.reader = t.reader
JOIN profile f ON f.profile = t.number
LEFT JOIN valued v ON v.reader = t.reader AND v.number = t.number
ORDER BY t.events DESC, p.cluster, p.consumer_group, p.topic, f.type;

COMMENT ON MACRO TABLE waiting_types IS 'What waits for one group, by topic and type, the most first. consumer_group NULL is all groups; topic and cluster NULL are all that it reads. Columns: cluster, consumer_group, topic, type (NULL where the records name none), events, conversations (distinct), oldest_ms (age of the oldest at the sample, by record time), value (sum of the configured field), value_field (its name), value_events (how many of the events carry it).';

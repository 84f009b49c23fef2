CREATE OR REPLACE MACRO waiting(consumer_group, topic := NULL, cluster := NULL, at_most := 1000) AS TABLE
WITH oldest AS MATERIALIZED (
    SELECT
        w.ref, w.time, coalesce(w.record_time, w.time) AS record_time, w.kind, w.profile, w.form, w.id_hi, w.id_lo, w.id_text,
        w.key_hash, w.conversation, w.reader
    FROM waiting_rows(consumer_group, topic, cluster) w
    ORDER BY coalesce(w.record_time, w.time), w.ref
    LIMIT at_most
)
SELECT
    o.ref,
    coordinates_name(b.topic, b.partition, b.base + (o.ref & 1099511627775)) AS coordinates,
    b.cluster,
    b.topic,
    b.partition,
    b.base + (o.ref & 1099511627775) AS "offset",
    o.time,
    kind_name(o.kind) AS kind,
    f.type,
    id_name(o.form & 3, o.id_hi, o.id_lo, o.id_text) AS id,
    o.key_hash,
    o.conversation,
    greatest((epoch_us(b.sampled_at) - epoch_us(o.record_time)) // 1000, 0) AS age_ms,
    a.number AS value,
    b.consumer_group
FROM oldest o
JOIN behind b ON b.reader = o.reader AND b.ordinal = o.ref >> 40
JOIN profile f ON f.profile = o.profile
LEFT JOIN (
    SELECT r.ref, any_value(r.number) AS number
    FROM attribute_row r
    WHERE r.name = lag_field() AND r.ref IN (SELECT o.ref FROM oldest o)
    GROUP BY r.ref
) a ON a.ref = o.ref
ORDER BY o.record_time, o.ref;

COMMENT ON MACRO TABLE waiting IS 'The events that one group has not passed, the oldest first, at most at_most rows (1000, if it is not given; macro waiting_types counts all). consumer_group NULL is all groups; topic and cluster NULL are all that it reads. Columns: ref, coordinates, cluster, topic, partition, offset, time, kind, type, id, key_hash, conversation, age_ms (at the sample, by record time), value (of the configured field, NULL where the event does not carry it), consumer_group.';

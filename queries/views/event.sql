CREATE OR REPLACE VIEW event AS
SELECT
    ref,
    cluster,
    topic,
    partition,
    "offset",
    time,
    coalesce(record_time, time) AS record_time,
    seen_time,
    kind_name(kind) AS kind,
    incarnation,
    type,
    source,
    version,
    id,
    key_hash,
    CASE WHEN trace_hi IS NOT NULL THEN hex64(trace_hi) || hex64(trace_lo) END AS trace_id,
    CASE WHEN span IS NOT NULL THEN hex64(span) END AS span_id,
    correlation_name(
        form, correlation_hi, correlation_lo, correlation_text, id,
        id_name((form >> 2) & 3, causation_hi, causation_lo, causation_text), hex64(trace_hi) || hex64(trace_lo)
    ) AS correlation_id,
    id_name((form >> 2) & 3, causation_hi, causation_lo, causation_text) AS causation_id,
    convention,
    producer,
    resolution_name(resolution) AS resolution,
    orphan_reason_name(orphan_reason) AS orphan_reason,
    conversation,
    key_bytes,
    value_bytes,
    (form & 64) <> 0 AS tombstone
FROM named_event;

COMMENT ON VIEW event IS 'Every record that was seen, with what it says about itself. Filter by time, ref or conversation; look ids up with the find_ macros.';
COMMENT ON COLUMN event.ref IS 'Name of the record for ever; sorts by partition and offset.';
COMMENT ON COLUMN event.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN event.topic IS 'Topic.';
COMMENT ON COLUMN event.partition IS 'Partition.';
COMMENT ON COLUMN event."offset" IS 'Offset.';
COMMENT ON COLUMN event.time IS 'The event''s own time, UTC: CloudEvents time, else its envelope''s, else the record''s.';
COMMENT ON COLUMN event.record_time IS 'The record''s timestamp, UTC.';
COMMENT ON COLUMN event.seen_time IS 'When the tap read it, UTC.';
COMMENT ON COLUMN event.kind IS 'event, command, reply, retry, dead_letter, fault, forward, change or internal.';
COMMENT ON COLUMN event.incarnation IS '0 for the first topic of this name, one more each time it was created anew.';
COMMENT ON COLUMN event.type IS 'Event type; NULL where the record names none.';
COMMENT ON COLUMN event.source IS 'Source; NULL where the record names none.';
COMMENT ON COLUMN event.version IS 'Version of the event or its schema; NULL where the record names none.';
COMMENT ON COLUMN event.id IS 'The event''s own id, as its producer wrote it.';
COMMENT ON COLUMN event.key_hash IS 'Keyed hash of the record key; the secret is not in this file.';
COMMENT ON COLUMN event.trace_id IS 'W3C trace id, 32 hexadecimal digits.';
COMMENT ON COLUMN event.span_id IS 'W3C parent-id: the span of whoever sent the record, 16 hexadecimal digits.';
COMMENT ON COLUMN event.correlation_id IS 'The id that all events of its business flow share.';
COMMENT ON COLUMN event.causation_id IS 'The id it names as its cause.';
COMMENT ON COLUMN event.convention IS 'The convention that gave its id or type.';
COMMENT ON COLUMN event.producer IS 'Producer instance, see view producer; NULL without a producer id.';
COMMENT ON COLUMN event.resolution IS 'What is known of its cause: root, caused, inferred, unlinked, waiting or orphaned.';
COMMENT ON COLUMN event.orphan_reason IS 'Why the named cause is not there; barrier_blocked on waiting events.';
COMMENT ON COLUMN event.conversation IS 'Id of its conversation when it was written; macro conversation_events resolves merges.';
COMMENT ON COLUMN event.key_bytes IS 'Size of the key in bytes.';
COMMENT ON COLUMN event.value_bytes IS 'Size of the value in bytes.';
COMMENT ON COLUMN event.tombstone IS 'The value is null.';

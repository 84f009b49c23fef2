CREATE OR REPLACE MACRO trace_nodes(ref) AS TABLE
WITH same AS MATERIALIZED (FROM same_conversation(ref)),
place AS MATERIALIZED (
    SELECT i.slice FROM id_slice i WHERE i.value_hash IN (SELECT id_hash(same.id, 0) FROM same)
    UNION
    SELECT open_slice()
)
SELECT
    e.ref,
    e.coordinates,
    e.cluster,
    e.topic,
    e.partition,
    e."offset",
    e.time,
    e.seen_time,
    kind_name(e.kind) AS kind,
    e.type,
    e.source,
    e.id,
    resolution_name(e.resolution) AS resolution,
    orphan_reason_name(e.orphan_reason) AS orphan_reason,
    e.conversation
FROM named_event e
WHERE e.slice IN (FROM place) AND e.conversation IN (FROM same)
ORDER BY e.time, e.ref;

COMMENT ON MACRO TABLE trace_nodes IS 'All events of the conversation of an event, merges resolved: ref, coordinates (topic/partition/offset), cluster, topic, partition, offset, time, seen_time, kind, type, source, id, resolution, orphan_reason, conversation (id when written).';

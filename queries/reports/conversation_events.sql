CREATE OR REPLACE MACRO conversation_events(id) AS TABLE
WITH RECURSIVE same(id) AS (
    SELECT CAST(id AS BIGINT)
    UNION
    SELECT link.other FROM same JOIN alias_link link ON link.id = same.id
),
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
WHERE e.slice IN (FROM place) AND e.conversation IN (SELECT same.id FROM same)
ORDER BY e.time, e.ref;

COMMENT ON MACRO TABLE conversation_events IS 'All events of a conversation, under any id it ever had: the columns of trace_nodes.';

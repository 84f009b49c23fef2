CREATE OR REPLACE MACRO trace_nodes(ref) AS TABLE
WITH scope AS MATERIALIZED (FROM conversation_scope(conversation_of(ref)))
FROM nodes_within((SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope));

COMMENT ON MACRO TABLE trace_nodes IS 'All events of the conversation of an event, merges resolved: ref, coordinates (topic/partition/offset), cluster, topic, partition, offset, time, seen_time, kind, type, source, id, resolution, orphan_reason, conversation (id when written).';

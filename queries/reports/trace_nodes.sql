CREATE OR REPLACE MACRO trace_nodes(ref) AS TABLE
FROM conversation_events(conversation_of(ref));

COMMENT ON MACRO TABLE trace_nodes IS 'All events of the conversation of an event, merges resolved: ref, coordinates (topic/partition/offset), cluster, topic, partition, offset, time, seen_time, kind, type, source, id, resolution, orphan_reason, conversation (id when written).';

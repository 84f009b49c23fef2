CREATE OR REPLACE MACRO conversation_events(id) AS TABLE
WITH scope AS MATERIALIZED (FROM conversation_scope(id))
FROM nodes_within((SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope));

COMMENT ON MACRO TABLE conversation_events IS 'All events of a conversation, under any id it ever had: the columns of trace_nodes.';

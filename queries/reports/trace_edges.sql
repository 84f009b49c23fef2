CREATE OR REPLACE MACRO trace_edges(ref) AS TABLE
WITH scope AS MATERIALIZED (FROM conversation_scope(conversation_of(ref)))
FROM edges_within((SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope));

COMMENT ON MACRO TABLE trace_edges IS 'Edges into the events of the conversation of an event: effect, cause (it may not have been seen), evidence, class (declared, transactional or inferred), confidence.';

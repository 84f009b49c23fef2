CREATE OR REPLACE MACRO trace_failures(ref) AS TABLE
WITH scope AS MATERIALIZED (FROM conversation_scope(conversation_of(ref)))
FROM failures_within((SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope), NULL);

COMMENT ON MACRO TABLE trace_failures IS 'Failures in the conversation of an event: the columns of view failure, and record_time (UTC; when the failure record was written: its own time may be that of the event it repeats).';

CREATE OR REPLACE MACRO trace_failures(ref) AS TABLE
WITH same AS MATERIALIZED (FROM same_conversation(ref)),
place AS MATERIALIZED (
    SELECT i.slice FROM id_slice i WHERE i.value_hash IN (SELECT id_hash(same.id, 0) FROM same)
    UNION
    SELECT open_slice()
)
SELECT f.*
FROM failure f
WHERE f.ref IN (
    SELECT e.ref FROM event_row e WHERE e.slice IN (FROM place) AND e.conversation IN (FROM same)
)
ORDER BY f.time, f.ref;

COMMENT ON MACRO TABLE trace_failures IS 'Failures in the conversation of an event: the columns of view failure.';

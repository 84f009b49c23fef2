CREATE OR REPLACE MACRO trace_failures(ref) AS TABLE
WITH RECURSIVE same(id) AS (
    SELECT a.conversation FROM any_event a WHERE a.ref = CAST(ref AS BIGINT)
    UNION
    SELECT link.other FROM same JOIN alias_link link ON link.id = same.id
)
SELECT f.*
FROM failure f
WHERE f.ref IN (
    SELECT e.ref FROM any_event e WHERE e.conversation IN (SELECT same.id FROM same)
)
ORDER BY f.time, f.ref;

COMMENT ON MACRO TABLE trace_failures IS 'Failures in the conversation of an event: the columns of view failure.';

CREATE OR REPLACE MACRO trace_edges(ref) AS TABLE
WITH RECURSIVE same(id) AS (
    SELECT a.conversation FROM any_event a WHERE a.ref = CAST(ref AS BIGINT)
    UNION
    SELECT link.other FROM same JOIN alias_link link ON link.id = same.id
)
SELECT
    c.effect,
    c.cause,
    evidence_name(c.evidence) AS evidence,
    class_name(evidence_rank(c.evidence)) AS class,
    round(CAST(c.confidence AS DOUBLE), 4) AS confidence
FROM cause_row c
WHERE c.effect IN (
    SELECT e.ref FROM any_event e WHERE e.conversation IN (SELECT same.id FROM same)
)
ORDER BY c.effect, c.cause;

COMMENT ON MACRO TABLE trace_edges IS 'Edges into the events of the conversation of an event: effect, cause (it may not have been seen), evidence, class (declared, transactional or inferred), confidence.';

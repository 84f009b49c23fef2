-- The edges into the events of a conversation.
CREATE OR REPLACE MACRO edges_within(ids, slices) AS TABLE
WITH member AS MATERIALIZED (
    SELECT e.ref, e.cause, e.evidence FROM rows_within(ids, slices) e
)
SELECT
    c.effect,
    c.cause,
    evidence_name(c.evidence) AS evidence,
    class_name(evidence_rank(c.evidence)) AS class,
    round(CAST(c.confidence AS DOUBLE), 4) AS confidence
FROM (
    SELECT m.ref AS effect, m.cause, m.evidence, 1 AS confidence FROM member m WHERE m.cause IS NOT NULL
    UNION ALL
    SELECT r.effect, r.cause, r.evidence, r.confidence FROM cause_row r WHERE r.effect IN (SELECT m.ref FROM member m)
) c
ORDER BY c.effect, c.cause;

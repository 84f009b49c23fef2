-- Every edge: those that events carry, and those beside.
CREATE OR REPLACE VIEW any_edge AS
SELECT ref AS effect, cause, evidence, CAST(1 AS FLOAT) AS confidence, slice FROM event_row WHERE cause IS NOT NULL
UNION ALL
SELECT effect, cause, evidence, confidence, NULL FROM cause_row;

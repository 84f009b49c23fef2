CREATE OR REPLACE VIEW cause AS
SELECT
    effect,
    cause,
    evidence_name(evidence) AS evidence,
    class_name(evidence_rank(evidence)) AS class,
    round(CAST(confidence AS DOUBLE), 4) AS confidence
FROM any_edge;

COMMENT ON VIEW cause IS 'Edges of the graph: effect <- cause. Count each class by itself.';
COMMENT ON COLUMN cause.effect IS 'Ref of the event that was caused.';
COMMENT ON COLUMN cause.cause IS 'Ref of the event that caused it; it may not have been seen.';
COMMENT ON COLUMN cause.evidence IS 'Why the edge is believed: failure_coordinates, causation_id, reply, parent_span, forward, depth, transaction, trace_order or same_value.';
COMMENT ON COLUMN cause.class IS 'declared by the record, transactional (the log proves it) or inferred.';
COMMENT ON COLUMN cause.confidence IS '1.0 for certain edges, else below 1.';

CREATE OR REPLACE VIEW topic_flow AS
SELECT
    f.cluster,
    f.topic AS from_topic,
    t.topic AS to_topic,
    evidence_name(r.evidence) AS evidence,
    class_name(evidence_rank(r.evidence)) AS class,
    CAST(sum(r.events) AS BIGINT) AS events
FROM topic_flow_row r
JOIN partition f ON f.ordinal = r.from_topic
JOIN partition t ON t.ordinal = r.to_topic
GROUP BY f.cluster, f.topic, t.topic, r.evidence
HAVING sum(r.events) > 0;

COMMENT ON VIEW topic_flow IS 'Which topics lead to which: edges of the graph since reading began, counted as they were found, also from a cause that is only named. Reads no events; view flow tells types and times of those whose two ends were seen.';
COMMENT ON COLUMN topic_flow.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN topic_flow.from_topic IS 'Topic of the cause.';
COMMENT ON COLUMN topic_flow.to_topic IS 'Topic of the effect.';
COMMENT ON COLUMN topic_flow.evidence IS 'Why the edges are believed, as in view flow.';
COMMENT ON COLUMN topic_flow.class IS 'declared by the record, transactional (the log proves it) or inferred.';
COMMENT ON COLUMN topic_flow.events IS 'Edges, one an effect and cause.';

CREATE OR REPLACE VIEW flow AS
SELECT
    f.cluster,
    f.topic AS from_topic,
    ft.type AS from_type,
    t.topic AS to_topic,
    tt.type AS to_type,
    evidence_name(c.evidence) AS evidence,
    class_name(evidence_rank(c.evidence)) AS class,
    count(*) AS events,
    quantile_cont((epoch_us(e.time) - epoch_us(o.time)) / 1000, 0.5) AS p50_ms,
    quantile_cont((epoch_us(e.time) - epoch_us(o.time)) / 1000, 0.95) AS p95_ms
FROM any_edge c
JOIN event_row o ON o.ref = c.cause
JOIN event_row e ON e.ref = c.effect
JOIN partition f ON f.ordinal = c.cause >> 40
JOIN partition t ON t.ordinal = c.effect >> 40
JOIN profile ft ON ft.profile = o.profile
JOIN profile tt ON tt.profile = e.profile
GROUP BY f.cluster, f.topic, ft.type, t.topic, tt.type, c.evidence;

COMMENT ON VIEW flow IS 'Which events lead to which, by topic and type: edges of the graph whose two ends were seen, counted. Count each class by itself.';
COMMENT ON COLUMN flow.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN flow.from_topic IS 'Topic of the cause.';
COMMENT ON COLUMN flow.from_type IS 'Type of the cause; NULL where the record names none.';
COMMENT ON COLUMN flow.to_topic IS 'Topic of the effect.';
COMMENT ON COLUMN flow.to_type IS 'Type of the effect; NULL where the record names none.';
COMMENT ON COLUMN flow.evidence IS 'Why the edges are believed: failure_coordinates, causation_id, reply, parent_span, forward, depth, transaction, trace_order or same_value.';
COMMENT ON COLUMN flow.class IS 'declared by the record, transactional (the log proves it) or inferred.';
COMMENT ON COLUMN flow.events IS 'Edges, one an effect and cause.';
COMMENT ON COLUMN flow.p50_ms IS 'Half of the effects came within so many ms of their cause, by the events'' own times.';
COMMENT ON COLUMN flow.p95_ms IS '95 % of the effects came within so many ms of their cause.';

CREATE OR REPLACE VIEW minute AS
SELECT
    date_trunc('minute', e.seen_time) AS minute,
    e.cluster,
    e.topic,
    e.type,
    count(*) AS received,
    count(*) FILTER (WHERE e.resolution_name = 'root') AS roots,
    count(*) FILTER (WHERE e.resolution_name = 'caused') AS caused,
    count(*) FILTER (WHERE e.resolution_name = 'inferred') AS inferred,
    count(*) FILTER (WHERE e.resolution_name = 'unlinked') AS unlinked,
    count(*) FILTER (WHERE e.resolution_name = 'waiting') AS waiting,
    count(*) FILTER (WHERE e.resolution_name = 'orphaned') AS orphaned,
    count(*) FILTER (WHERE f.state = 'dead') AS failed,
    count(*) FILTER (WHERE f.state = 'healed') AS healed,
    count(*) FILTER (WHERE f.kind = 'retry') AS retried
FROM (SELECT n.*, resolution_name(n.resolution) AS resolution_name FROM named_event n) e
LEFT JOIN failure_row f ON f.ref = e.ref
GROUP BY ALL;

COMMENT ON VIEW minute IS 'Counts by minute.';
COMMENT ON COLUMN minute.minute IS 'Minute in which the tap saw the events, UTC.';
COMMENT ON COLUMN minute.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN minute.topic IS 'Topic.';
COMMENT ON COLUMN minute.type IS 'Type.';
COMMENT ON COLUMN minute.received IS 'Events.';
COMMENT ON COLUMN minute.roots IS 'Of these, roots.';
COMMENT ON COLUMN minute.caused IS 'Of these, caused.';
COMMENT ON COLUMN minute.inferred IS 'Of these, inferred.';
COMMENT ON COLUMN minute.unlinked IS 'Of these, unlinked.';
COMMENT ON COLUMN minute.waiting IS 'Of these, waiting.';
COMMENT ON COLUMN minute.orphaned IS 'Of these, orphaned.';
COMMENT ON COLUMN minute.failed IS 'Failures.';
COMMENT ON COLUMN minute.healed IS 'Healed.';
COMMENT ON COLUMN minute.retried IS 'Retries.';

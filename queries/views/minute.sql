CREATE OR REPLACE VIEW minute AS
SELECT
    minute,
    cluster,
    topic,
    type,
    CAST(sum(received) AS BIGINT) AS received,
    CAST(sum(roots) AS BIGINT) AS roots,
    CAST(sum(caused) AS BIGINT) AS caused,
    CAST(sum(inferred) AS BIGINT) AS inferred,
    CAST(sum(unlinked) AS BIGINT) AS unlinked,
    CAST(sum(waiting) AS BIGINT) AS waiting,
    CAST(sum(orphaned) AS BIGINT) AS orphaned,
    CAST(sum(failed) AS BIGINT) AS failed,
    CAST(sum(healed) AS BIGINT) AS healed,
    CAST(sum(retried) AS BIGINT) AS retried
FROM (
    SELECT
        m.minute, p.cluster, p.topic, f.type, m.received, m.roots, m.caused, m.inferred, m.unlinked, m.waiting,
        m.orphaned, 0 AS failed, 0 AS healed, m.retried
    FROM minute_row m
    JOIN partition p ON p.ordinal = m.topic_number
    JOIN profile f ON f.profile = m.profile
    UNION ALL
    SELECT
        c.minute, coalesce(p.cluster, c.cluster), coalesce(p.topic, c.topic), f.type, 0, 0, 0, 0, 0, 0, 0, 1,
        CAST(c.healed AS INTEGER), 0
    FROM failure_case c
    LEFT JOIN partition p ON p.ordinal = c.topic_number
    LEFT JOIN profile f ON f.profile = c.profile
)
GROUP BY minute, cluster, topic, type;

COMMENT ON VIEW minute IS 'Events by minute, topic and type. The minute is the one in which the tap saw them. Sums of received, roots, caused, inferred, unlinked, waiting and orphaned over any window are exact; macro counts adds coverage.';
COMMENT ON COLUMN minute.minute IS 'When the minute began, UTC, by seen_time.';
COMMENT ON COLUMN minute.cluster IS 'Name of the tapped cluster.';
COMMENT ON COLUMN minute.topic IS 'Topic; of a failure, the topic of its origin.';
COMMENT ON COLUMN minute.type IS 'Event type; NULL where the record names none, and for failures whose origin was not seen.';
COMMENT ON COLUMN minute.received IS 'Records seen; roots, caused, inferred, unlinked, waiting and orphaned add up to it.';
COMMENT ON COLUMN minute.roots IS 'Events that say themselves that nothing caused them.';
COMMENT ON COLUMN minute.caused IS 'Events with a cause that is declared, or proved by a transaction.';
COMMENT ON COLUMN minute.inferred IS 'Events with a cause that is only inferred.';
COMMENT ON COLUMN minute.unlinked IS 'Events that name no cause and for which none was inferred; not the same as roots.';
COMMENT ON COLUMN minute.waiting IS 'Events that name a cause that was not seen yet.';
COMMENT ON COLUMN minute.orphaned IS 'Events whose named cause is not there; taken back when it turns up.';
COMMENT ON COLUMN minute.failed IS 'Distinct (origin, group) with any failure record, in the minute of the origin, or of the first failure record where the origin was not seen; healed ones included. A lower bound.';
COMMENT ON COLUMN minute.healed IS 'Of these, healed.';
COMMENT ON COLUMN minute.retried IS 'Retry records, in their own minute and under their own topic.';

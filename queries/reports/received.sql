CREATE OR REPLACE MACRO received(since := NULL, until := NULL, step_ms := 60000) AS TABLE
SELECT
    m.minute AS time,
    p.cluster,
    p.topic,
    f.type,
    m.received,
    m.roots,
    m.caused,
    m.inferred,
    m.unlinked,
    m.waiting,
    m.orphaned,
    m.retried
FROM seen_in(since, until, step_ms) m
JOIN partition p ON p.ordinal = m.topic_number
JOIN profile f ON f.profile = m.profile;

COMMENT ON MACRO TABLE received IS 'What a chart of events draws: sums over its bars are those of view minute. since, until: whole minutes by the time the tap saw the events (UTC; since is rounded down, until up and left out). step_ms: width of the bars; with whole hours a month is answered from hours instead of millions of minutes. Columns: time (when the minute or hour of the row began), cluster, topic, type (NULL where the record names none), received, roots, caused, inferred, unlinked, waiting, orphaned, retried (as in view minute). One time, topic and type may have several rows.';

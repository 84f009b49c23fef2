CREATE OR REPLACE MACRO totals(since := NULL, until := NULL) AS TABLE
WITH place AS (
    SELECT ordinal AS topic_number, is_plumbing(class) AS plumbing FROM partition WHERE ordinal = topic_number
),
seen_topic AS (
    SELECT
        m.topic_number,
        sum(m.received) AS received,
        sum(m.retried) AS retried,
        sum(m.waiting) AS waiting,
        sum(m.orphaned) AS orphaned,
        min(m.first_seen) AS first_seen,
        max(m.last_seen) AS last_seen
    FROM seen_in(since, until, NULL) m
    JOIN place ON place.topic_number = m.topic_number AND NOT place.plumbing
    GROUP BY m.topic_number
),
by_group AS (
    SELECT r.topic_number, r.consumer_group, sum(r.passed) AS passed
    FROM passed_in(since, until, NULL) r
    JOIN place ON place.topic_number = r.topic_number AND NOT place.plumbing
    GROUP BY r.topic_number, r.consumer_group
),
failed_in AS (
    SELECT c.topic_number, c.cluster, c.topic, c.consumer_group, c.marks, count(*) AS failed
    FROM failure_case c
    LEFT JOIN place ON place.topic_number = c.topic_number
    WHERE c.minute >= window_start(since) AND c.minute < window_end(until) AND NOT coalesce(place.plumbing, false)
    GROUP BY ALL
),
topic AS (
    SELECT CAST(topic_number AS VARCHAR) AS name FROM seen_topic
    UNION
    SELECT coalesce(CAST(topic_number AS VARCHAR), cluster || '/' || topic) FROM failed_in
),
reader AS (
    SELECT consumer_group FROM by_group WHERE passed <> 0
    UNION
    SELECT consumer_group FROM failed_in WHERE consumer_group IS NOT NULL
),
covered AS (
    SELECT
        CAST(coalesce(sum(c.seen), 0) AS BIGINT) AS seen,
        CAST(coalesce(sum(c.missing), 0) AS BIGINT) AS missing,
        coalesce(sum(c.lost), 0) AS lost
    FROM topic_coverage c
    JOIN place ON place.topic_number = c.topic_number AND NOT place.plumbing
),
event_sum AS (
    SELECT
        CAST(coalesce(sum(received), 0) AS BIGINT) AS received,
        CAST(coalesce(sum(retried), 0) AS BIGINT) AS retried,
        CAST(coalesce(sum(waiting), 0) AS BIGINT) AS waiting,
        CAST(coalesce(sum(orphaned), 0) AS BIGINT) AS orphaned,
        min(first_seen) AS first_time,
        max(last_seen) AS last_time
    FROM seen_topic
),
failure_sum AS (
    SELECT
        CAST(coalesce(sum(failed), 0) AS BIGINT) AS failed,
        CAST(coalesce(sum(failed) FILTER (WHERE marks & 1 = 1), 0) AS BIGINT) AS healed,
        CAST(coalesce(sum(failed) FILTER (WHERE marks & 3 = 2), 0) AS BIGINT) AS dead,
        CAST(coalesce(sum(failed) FILTER (WHERE marks & 3 = 0), 0) AS BIGINT) AS retrying,
        CAST(coalesce(sum(failed) FILTER (WHERE marks & 4 = 4), 0) AS BIGINT) AS orphaned_failures,
        CAST(coalesce(sum(failed) FILTER (WHERE marks & 16 = 16), 0) AS BIGINT) AS unattended
    FROM failed_in
)
SELECT
    e.received,
    (SELECT CAST(coalesce(sum(passed), 0) AS BIGINT) FROM by_group) AS passed,
    f.failed,
    f.healed,
    f.dead,
    f.retrying,
    f.orphaned_failures,
    f.unattended,
    e.retried,
    e.waiting,
    e.orphaned,
    (SELECT count(*) FROM topic) AS topics,
    (SELECT count(*) FROM reader) AS groups,
    c.seen,
    c.missing,
    CASE WHEN c.seen + c.lost > 0 THEN c.seen / (c.seen + c.lost) END AS coverage,
    e.first_time,
    e.last_time
FROM event_sum e, failure_sum f, covered c;

COMMENT ON MACRO TABLE totals IS 'The headline, one row: what every screen, report and dashboard shows. since, until: whole minutes by the time the tap saw the events (UTC; since is rounded down, until up and left out). Topics of class internal, changelog and repartition count nowhere. Columns: received (records), passed (sum over groups and topics of events that the group is beyond now), failed (distinct origin and group, in the minute of the origin, a lower bound), healed, dead, retrying (each failure is one of the three), orphaned_failures, unattended (dead letters that no group has passed), retried (retry records), waiting and orphaned (events), topics and groups (that had anything in the window), seen, missing and coverage (since reading began, as in counts), first_time and last_time (when the tap saw the first and the last record of the window).';

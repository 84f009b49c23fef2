CREATE OR REPLACE MACRO counts(since := NULL, until := NULL) AS TABLE
WITH seen_minute AS (
    SELECT
        topic_number,
        sum(received) AS received,
        sum(retried) AS retried,
        sum(waiting) AS waiting,
        sum(orphaned) AS orphaned,
        sum(unlinked) AS unlinked
    FROM seen_in(since, until, NULL)
    GROUP BY topic_number
),
failed_in AS (
    SELECT topic_number, cluster, topic, consumer_group, count(*) AS failed, count(*) FILTER (WHERE healed) AS healed
    FROM failure_case
    WHERE minute >= window_start(since) AND minute < window_end(until)
    GROUP BY ALL
),
-- Topics that are read, and those that only failures name.
place AS (
    SELECT p.cluster, p.topic, p.incarnation, p.class, p.ordinal AS topic_number
    FROM partition p
    WHERE p.ordinal = p.topic_number
    UNION ALL
    SELECT DISTINCT cluster, topic, 0, CAST(NULL AS VARCHAR), CAST(NULL AS INTEGER)
    FROM failed_in
    WHERE topic_number IS NULL
),
part AS (
    SELECT topic_number, NULL AS cluster, NULL AS topic, NULL AS consumer_group, received, CAST(NULL AS HUGEINT) AS passed,
        0 AS failed, 0 AS healed, retried, waiting, orphaned, unlinked
    FROM seen_minute
    UNION ALL
    SELECT topic_number, NULL, NULL, NULL, 0, NULL, 0, 0, 0, 0, 0, 0 FROM place WHERE topic_number IS NOT NULL
    UNION ALL
    SELECT topic_number, cluster, topic, NULL, 0, NULL, failed, healed, 0, 0, 0, 0 FROM failed_in
    UNION ALL
    SELECT topic_number, NULL, NULL, consumer_group, NULL, sum(passed), 0, 0, NULL, NULL, NULL, NULL
    FROM passed_in(since, until, NULL)
    GROUP BY topic_number, consumer_group
    UNION ALL
    SELECT p.topic_number, NULL, NULL, r.consumer_group, NULL, 0, 0, 0, NULL, NULL, NULL, NULL
    FROM progress_row r
    JOIN partition p ON p.ordinal = r.ordinal
    UNION ALL
    SELECT topic_number, cluster, topic, consumer_group, NULL, 0, failed, healed, NULL, NULL, NULL, NULL
    FROM failed_in
    WHERE consumer_group IS NOT NULL
),
-- A topic that is read goes by its number, another by its name.
summed AS (
    SELECT
        topic_number,
        CASE WHEN topic_number IS NULL THEN cluster END AS cluster,
        CASE WHEN topic_number IS NULL THEN topic END AS topic,
        consumer_group,
        CAST(sum(received) AS BIGINT) AS received,
        CAST(sum(passed) AS BIGINT) AS passed,
        CAST(sum(failed) AS BIGINT) AS failed,
        CAST(sum(healed) AS BIGINT) AS healed,
        CAST(sum(retried) AS BIGINT) AS retried,
        CAST(sum(waiting) AS BIGINT) AS waiting,
        CAST(sum(orphaned) AS BIGINT) AS orphaned,
        CAST(sum(unlinked) AS BIGINT) AS unlinked
    FROM part
    GROUP BY ALL
)
SELECT
    place.cluster,
    place.topic,
    place.incarnation,
    place.class,
    s.consumer_group,
    max(s.received) OVER (PARTITION BY s.topic_number, s.cluster, s.topic) AS received,
    s.passed,
    s.failed,
    s.healed,
    s.retried,
    s.waiting,
    s.orphaned,
    s.unlinked,
    CASE WHEN s.consumer_group IS NULL THEN coalesce(c.seen, 0) END AS seen,
    CASE WHEN s.consumer_group IS NULL THEN coalesce(c.missing, 0) END AS missing,
    CASE WHEN s.consumer_group IS NULL AND c.seen + c.lost > 0 THEN c.seen / (c.seen + c.lost) END AS coverage
FROM summed s
JOIN place ON place.topic_number = s.topic_number
    OR (s.topic_number IS NULL AND place.topic_number IS NULL AND place.cluster = s.cluster AND place.topic = s.topic)
LEFT JOIN topic_coverage c ON c.topic_number = s.topic_number
ORDER BY place.cluster, place.topic, place.incarnation, s.consumer_group NULLS FIRST;

COMMENT ON MACRO TABLE counts IS 'What was received, passed and failed in a window, and how far that can be trusted. since, until: whole minutes by the time the tap saw the events (UTC; since is rounded down, until up and left out). One row a topic (consumer_group NULL) and one a topic and group that reads it; totals are sums WHERE consumer_group IS NULL. Columns: cluster, topic, incarnation, class (NULL for a topic that only failures name), consumer_group, received (records of the topic, on the rows of its groups too), passed (events of the window that the group is beyond now; NULL on the topic''s row), failed (distinct origin and group, in the minute of the origin, a lower bound; on the topic''s row those of all groups and of none), healed (of these), retried (retry records), waiting, orphaned, unlinked (events), seen and missing (since reading began: records, and offsets without one), coverage (seen in proportion to seen plus what was lost; markers, aborted records and compaction holes are not lost; NULL while nothing was read). retried, waiting, orphaned, unlinked, seen, missing and coverage are NULL on the rows of groups.';

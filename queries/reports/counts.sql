CREATE OR REPLACE MACRO counts(since := NULL, until := NULL) AS TABLE
WITH received AS (
    SELECT p.topic_number, count(*) AS received
    FROM any_event e
    JOIN partition p ON p.ordinal = e.ref >> 40
    WHERE e.seen_time >= coalesce(CAST(since AS TIMESTAMP), '-infinity'::TIMESTAMP)
      AND e.seen_time < coalesce(CAST(until AS TIMESTAMP), 'infinity'::TIMESTAMP)
    GROUP BY p.topic_number
),
covered AS (
    SELECT
        p.topic_number,
        CAST(sum(c.seen) AS BIGINT) AS seen,
        CAST(sum(c.missing) FILTER (WHERE c.reason <> 11) AS BIGINT) AS missing,
        CAST(sum(c.missing) FILTER (WHERE c.reason NOT IN (0, 1, 2, 3, 11)) AS BIGINT) AS lost
    FROM coverage_row c
    JOIN partition p ON p.ordinal = c.ordinal
    GROUP BY p.topic_number
)
SELECT
    p.cluster,
    p.topic,
    p.incarnation,
    coalesce(r.received, 0) AS received,
    coalesce(c.seen, 0) AS seen,
    coalesce(c.missing, 0) AS missing,
    CASE WHEN c.seen + coalesce(c.lost, 0) > 0 THEN c.seen / (c.seen + coalesce(c.lost, 0)) END AS coverage
FROM partition p
LEFT JOIN received r ON r.topic_number = p.ordinal
LEFT JOIN covered c ON c.topic_number = p.ordinal
WHERE p.ordinal = p.topic_number
ORDER BY p.cluster, p.topic, p.incarnation;

COMMENT ON MACRO TABLE counts IS 'Records received by topic in a window, and how far that can be trusted. since, until: by the time the tap saw them (UTC; until is left out). Columns: cluster, topic, incarnation, received (in the window), seen and missing (since reading began: records, and offsets without one), coverage (seen in proportion to seen plus what was lost; markers, aborted records and compaction holes are not lost; NULL while nothing was read).';

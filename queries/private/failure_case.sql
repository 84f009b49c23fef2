-- Groups that look and do nothing, as configured: what they pass is attended by nobody.
CREATE OR REPLACE VIEW not_attending AS
SELECT g.consumer_group
FROM (SELECT DISTINCT consumer_group FROM progress_row) g, (SELECT value FROM meta WHERE name = 'not_attending') m
WHERE regexp_full_match(g.consumer_group, m.value);

-- The group that has come furthest on each partition; `next_ref` is the first ref that it has not passed.
CREATE OR REPLACE VIEW attending AS
SELECT
    g.ordinal,
    g.consumer_group,
    (p.ordinal << 40) + least(greatest(g.committed_offset - p.base, 0), 1099511627776) AS next_ref
FROM (
    SELECT ordinal, max(committed_offset) AS committed_offset, arg_max(consumer_group, committed_offset) AS consumer_group
    FROM progress_row
    WHERE consumer_group NOT IN (FROM not_attending)
    GROUP BY ordinal
) g
JOIN (SELECT CAST(ordinal AS BIGINT) AS ordinal, base FROM partition) p ON p.ordinal = g.ordinal;

-- Failures as people count them: one a record that failed and group, with all its attempts. `marks` as in `failure_row`,
-- and 16 for a dead letter that no group has passed. `topic_number` is NULL for a topic that is not read; `cluster` and
-- `topic` are told for one that is known by its name only. Nearly all take the first, short way.
CREATE OR REPLACE VIEW failure_case AS
SELECT
    f.counted_minute AS minute,
    f.counted_topic AS topic_number,
    CAST(NULL AS VARCHAR) AS cluster,
    CAST(NULL AS VARCHAR) AS topic,
    f.consumer_group,
    f.counted_profile AS profile,
    f.case_marks | CASE WHEN f.case_letter >= coalesce(a.next_ref, 0) THEN 16 ELSE 0 END AS marks,
    f.case_marks & 1 = 1 AS healed
FROM failure_row f
LEFT JOIN attending a ON a.ordinal = f.case_letter >> 40
WHERE f.case_marks IS NOT NULL AND f.case_marks & 32 = 0 AND f.counted_topic IS NOT NULL
UNION ALL
SELECT
    f.counted_minute,
    coalesce(f.counted_topic, n.topic_number),
    CASE WHEN f.counted_topic IS NULL THEN p.cluster END,
    CASE WHEN f.counted_topic IS NULL THEN f.origin_topic END,
    f.consumer_group,
    f.counted_profile,
    f.case_marks
        | CASE WHEN f.case_letter >= coalesce(a.next_ref, 0) OR apart.failure_case IS NOT NULL THEN 16 ELSE 0 END,
    f.case_marks & 1 = 1
FROM failure_row f
JOIN partition p ON p.ordinal = f.ref >> 40
LEFT JOIN (
    SELECT cluster, topic, max(topic_number) AS topic_number FROM partition GROUP BY cluster, topic
) n ON n.cluster = p.cluster AND n.topic = f.origin_topic
LEFT JOIN attending a ON a.ordinal = f.case_letter >> 40
-- Dead letters of one failure in several partitions: one that no group has passed is enough.
LEFT JOIN (
    SELECT DISTINCT d.failure_case
    FROM failure_row d
    JOIN failure_row b ON b.failure_case = d.failure_case AND b.case_marks & 32 = 32
    LEFT JOIN attending a ON a.ordinal = d.ref >> 40
    WHERE d.marks >= 8 AND coalesce(d.ref >= a.next_ref, true)
) apart ON apart.failure_case = f.failure_case
WHERE f.case_marks IS NOT NULL AND (f.case_marks & 32 = 32 OR f.counted_topic IS NULL);

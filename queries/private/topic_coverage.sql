-- What was seen of each topic since reading began, what is missing, and what of that was lost: markers, aborted records
-- and compaction holes are no loss, and records that came again are not missing.
CREATE OR REPLACE VIEW topic_coverage AS
SELECT
    p.topic_number,
    CAST(sum(c.seen) AS BIGINT) AS seen,
    CAST(coalesce(sum(c.missing) FILTER (WHERE c.reason <> 11), 0) AS BIGINT) AS missing,
    CAST(coalesce(sum(c.missing) FILTER (WHERE c.reason NOT IN (0, 1, 2, 3, 11)), 0) AS BIGINT) AS lost
FROM coverage_row c
JOIN partition p ON p.ordinal = c.ordinal
GROUP BY p.topic_number;

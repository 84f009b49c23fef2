CREATE OR REPLACE MACRO totals(since := NULL, until := NULL) AS TABLE
WITH f AS (SELECT * FROM failures(since := since)),
m AS (
    SELECT * FROM minute
    WHERE minute >= date_trunc('minute', coalesce(CAST(since AS TIMESTAMP), '-infinity'::TIMESTAMP))
      AND minute < coalesce(CAST(until AS TIMESTAMP), 'infinity'::TIMESTAMP)
),
c AS (SELECT * FROM coverage)
SELECT
    CAST((SELECT coalesce(sum(received), 0) FROM m) AS BIGINT) AS received,
    CAST((SELECT coalesce(sum(passed), 0) FROM passed_minute) AS BIGINT) AS passed,
    CAST((SELECT coalesce(sum(failures), 0) FROM f) AS BIGINT) AS failed,
    CAST((SELECT coalesce(sum(healed), 0) FROM f) AS BIGINT) AS healed,
    CAST((SELECT coalesce(sum(dead), 0) FROM f) AS BIGINT) AS dead,
    CAST((SELECT coalesce(sum(retrying), 0) FROM f) AS BIGINT) AS retrying,
    CAST((SELECT coalesce(sum(orphaned), 0) FROM f) AS BIGINT) AS orphaned_failures,
    CAST((SELECT coalesce(sum(unattended), 0) FROM f) AS BIGINT) AS unattended,
    CAST((SELECT coalesce(sum(retried), 0) FROM m) AS BIGINT) AS retried,
    CAST((SELECT coalesce(sum(waiting), 0) FROM m) AS BIGINT) AS waiting,
    CAST((SELECT coalesce(sum(orphaned), 0) FROM m) AS BIGINT) AS orphaned,
    (SELECT count(DISTINCT topic) FROM m) AS topics,
    (SELECT count(DISTINCT consumer_group) FROM passed_minute) AS groups,
    CAST((SELECT coalesce(sum(seen), 0) FROM c) AS BIGINT) AS seen,
    CAST((SELECT coalesce(sum(missing), 0) FROM c WHERE reason <> 'seen_before') AS BIGINT) AS missing,
    (SELECT sum(seen) / nullif(sum(seen) + coalesce(sum(missing) FILTER (WHERE reason NOT IN ('control', 'aborted', 'compacted', 'compacted_or_transactional', 'seen_before')), 0), 0) FROM c) AS coverage,
    (SELECT min(seen_time) FROM any_event) AS first_time,
    (SELECT max(seen_time) FROM any_event) AS last_time;

COMMENT ON MACRO TABLE totals IS 'Headline.';

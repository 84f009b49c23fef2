CREATE OR REPLACE MACRO failures(since := NULL, until := NULL, orphans := false) AS TABLE
WITH sample_of AS MATERIALIZED (
    SELECT
        f.failure_kind,
        min(f.time) AS first_time,
        max(f.time) AS last_time,
        arg_max(f.ref, f.time) AS sample_ref
    FROM failure_row f
    WHERE (since IS NULL OR f.seen_time >= CAST(since AS TIMESTAMP))
      AND (until IS NULL OR f.seen_time < CAST(until AS TIMESTAMP))
      AND (NOT orphans OR f.orphan_reason IS NOT NULL)
    GROUP BY f.failure_kind
),
span AS (
    SELECT
        epoch_us(coalesce(CAST(since AS TIMESTAMP), min(f.seen_time))) AS first_us,
        epoch_us(coalesce(CAST(until AS TIMESTAMP), max(f.seen_time))) AS last_us
    FROM failure_row f
    WHERE (since IS NULL OR f.seen_time >= CAST(since AS TIMESTAMP))
      AND (until IS NULL OR f.seen_time < CAST(until AS TIMESTAMP))
      AND (NOT orphans OR f.orphan_reason IS NOT NULL)
),
-- What people count: one failure an origin and group, with its attempts. Most have one record, which need no grouping.
one AS (
    SELECT f.failure_kind, f.seen_time, f.marks | CASE WHEN f.marks >= 8 AND coalesce(f.ref >= a.next_ref, true) THEN 16 ELSE 0 END AS marks
    FROM failure_row f
    LEFT JOIN attending a ON a.ordinal = f.ref >> 40
    WHERE coalesce(f.case_marks >= 64, false)
      AND (since IS NULL OR f.seen_time >= CAST(since AS TIMESTAMP))
      AND (until IS NULL OR f.seen_time < CAST(until AS TIMESTAMP))
      AND (NOT orphans OR f.orphan_reason IS NOT NULL)
    UNION ALL
    SELECT
        f.failure_kind,
        min(f.seen_time),
        bit_or(f.marks | CASE WHEN f.marks >= 8 AND coalesce(f.ref >= a.next_ref, true) THEN 16 ELSE 0 END)
    FROM failure_row f
    LEFT JOIN attending a ON a.ordinal = f.ref >> 40
    WHERE NOT coalesce(f.case_marks >= 64, false)
      AND (since IS NULL OR f.seen_time >= CAST(since AS TIMESTAMP))
      AND (until IS NULL OR f.seen_time < CAST(until AS TIMESTAMP))
      AND (NOT orphans OR f.orphan_reason IS NOT NULL)
    GROUP BY f.failure_kind, f.failure_case
),
placed AS (
    SELECT
        one.failure_kind,
        one.marks,
        least((epoch_us(one.seen_time) - span.first_us) * 12 // greatest(span.last_us - span.first_us, 1), 11) AS twelfth,
        count(*) AS failures
    FROM one, span
    GROUP BY ALL
),
grouped AS (
    SELECT
        p.failure_kind,
        CAST(sum(p.failures) AS BIGINT) AS failures,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 3 = 2), 0) AS BIGINT) AS dead,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 3 = 0), 0) AS BIGINT) AS retrying,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 1 = 1), 0) AS BIGINT) AS healed,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 4 = 4), 0) AS BIGINT) AS orphaned,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 16 = 16), 0) AS BIGINT) AS unattended,
        [
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 0), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 1), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 2), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 3), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 4), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 5), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 6), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 7), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 8), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 9), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 10), 0) AS BIGINT),
            CAST(coalesce(sum(p.failures) FILTER (WHERE p.twelfth = 11), 0) AS BIGINT)
        ] AS trend
    FROM placed p
    GROUP BY p.failure_kind
),
sample AS MATERIALIZED (
    SELECT f.*, s.first_time, s.last_time FROM failure_row f JOIN sample_of s ON s.sample_ref = f.ref
),
-- Roots that were not known when their failures were written.
begin_of AS MATERIALIZED (
    SELECT s.root AS ref FROM sample s WHERE s.root IS NOT NULL AND s.root_profile IS NULL
)
SELECT
    g.failures,
    f.first_time,
    f.last_time,
    f.consumer_group,
    f.error_class,
    f.error_message,
    f.origin_topic,
    t.type AS root_type,
    g.dead,
    g.retrying,
    g.healed,
    g.orphaned,
    g.unattended,
    f.ref AS sample_ref,
    coordinates_name(p.topic, p.partition, p.base + (f.ref & 1099511627775)) AS sample,
    f.signature,
    g.trend
FROM grouped g
JOIN sample f ON f.failure_kind = g.failure_kind
JOIN partition p ON p.ordinal = f.ref >> 40
LEFT JOIN (
    SELECT e.ref, e.profile
    FROM event_row e
    WHERE e.slice IN (
        SELECT s.slice
        FROM slice_range s
        JOIN begin_of ON s.ordinal = begin_of.ref >> 40 AND s.first_ref <= begin_of.ref AND s.last_ref >= begin_of.ref
        UNION ALL
        SELECT open_slice() FROM begin_of
    )
      AND e.ref IN (SELECT begin_of.ref FROM begin_of)
) root ON root.ref = f.root
LEFT JOIN profile t ON t.profile = coalesce(f.root_profile, root.profile)
ORDER BY g.failures DESC, f.last_time DESC, f.signature, f.consumer_group;

COMMENT ON MACRO TABLE failures IS 'Evidenced failures by signature and group, a lower bound. since, until: only failure records that the tap saw at or after, and before, this time (UTC); orphans: only those whose way back is broken. Columns: failures (one per origin and group), first_time, last_time (of the failure records), consumer_group (NULL when not known), error_class, error_message (of the sample), origin_topic, root_type (of the sample''s root), dead, retrying, healed (each failure is one of the three), orphaned, unattended (dead letters that no group has passed), sample_ref, sample (coordinates of the latest failure record), signature, trend (failures in each twelfth of the window, or of the time from the first to the last where it is open).';

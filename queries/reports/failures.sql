CREATE OR REPLACE MACRO failures(
    since := NULL, until := NULL, orphans := false, unattended := false, signature := NULL, as_of := NULL
) AS TABLE
WITH wanted AS (
    SELECT s.*
    FROM failure_stood(as_of) s
    WHERE (since IS NULL OR s.seen_time >= CAST(since AS TIMESTAMP))
      AND (until IS NULL OR s.seen_time < CAST(until AS TIMESTAMP))
      AND (NOT orphans OR s.marks & 4 = 4)
      AND (NOT unattended OR s.marks & 16 = 16)
      AND (signature IS NULL OR s.signature = CAST(signature AS VARCHAR))
),
sample_of AS MATERIALIZED (
    SELECT w.failure_kind, min(w.time) AS first_time, max(w.time) AS last_time, arg_max(w.ref, w.time) AS sample_ref
    FROM wanted w
    GROUP BY w.failure_kind
),
span AS (
    SELECT
        epoch_us(coalesce(CAST(since AS TIMESTAMP), min(w.seen_time))) AS first_us,
        epoch_us(coalesce(CAST(until AS TIMESTAMP), max(w.seen_time))) AS last_us
    FROM wanted w
),
-- What people count: one failure an origin and group, with its attempts, under the kind of its latest record: the retries
-- of one may say something else than its dead letter. Most have one record, which need no grouping.
one AS (
    SELECT w.failure_kind, w.seen_time, w.marks FROM wanted w WHERE w.alone
    UNION ALL
    SELECT arg_max(w.failure_kind, (w.time, w.ref)), min(w.seen_time), bit_or(w.marks)
    FROM wanted w
    WHERE NOT w.alone
    GROUP BY w.failure_case
),
placed AS MATERIALIZED (
    SELECT
        one.failure_kind,
        one.marks,
        least((epoch_us(one.seen_time) - span.first_us) * 12 // greatest(span.last_us - span.first_us, 1), 11) AS twelfth,
        count(*) AS failures
    FROM one, span
    GROUP BY ALL
),
-- The most frequent kinds; all others are one, without a number.
shown AS MATERIALIZED (
    SELECT p.failure_kind
    FROM placed p
    GROUP BY p.failure_kind
    ORDER BY sum(p.failures) DESC, p.failure_kind
    LIMIT failure_kinds_max()
),
grouped AS (
    SELECT
        s.failure_kind,
        CAST(sum(p.failures) AS BIGINT) AS failures,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 3 = 2), 0) AS BIGINT) AS dead,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 3 = 0), 0) AS BIGINT) AS retrying,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 1 = 1), 0) AS BIGINT) AS healed,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 4 = 4), 0) AS BIGINT) AS orphaned,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 16 = 16), 0) AS BIGINT) AS unattended,
        CAST(coalesce(sum(p.failures) FILTER (WHERE p.marks & 24 = 8), 0) AS BIGINT) AS attended,
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
    LEFT JOIN shown s ON s.failure_kind = p.failure_kind
    GROUP BY s.failure_kind
),
reached AS (
    SELECT
        w.failure_kind,
        min(o.first_time) AS first_time,
        max(o.last_time) AS last_time,
        arg_max(o.sample_ref, o.last_time) AS sample_ref
    FROM sample_of o
    LEFT JOIN shown w ON w.failure_kind = o.failure_kind
    GROUP BY w.failure_kind
),
sample AS MATERIALIZED (
    SELECT f.*, r.failure_kind AS shown_kind, r.first_time, r.last_time
    FROM failure_row f
    JOIN reached r ON r.sample_ref = f.ref
),
-- Roots that were not known when their failures were written.
begin_of AS MATERIALIZED (
    SELECT s.root AS ref FROM sample s WHERE s.root IS NOT NULL AND s.root_profile IS NULL
),
group_then AS (
    SELECT h.ref, h.consumer_group FROM failure_before(as_of) h WHERE as_of IS NOT NULL
)
SELECT
    g.failures,
    f.first_time,
    f.last_time,
    CASE WHEN f.shown_kind IS NULL THEN NULL WHEN h.ref IS NOT NULL THEN h.consumer_group ELSE f.consumer_group END AS consumer_group,
    CASE WHEN f.shown_kind IS NOT NULL THEN f.error_class END AS error_class,
    CASE WHEN f.shown_kind IS NOT NULL THEN f.error_message END AS error_message,
    CASE WHEN f.shown_kind IS NOT NULL THEN f.origin_topic END AS origin_topic,
    CASE WHEN f.shown_kind IS NOT NULL THEN t.type END AS root_type,
    g.dead,
    g.retrying,
    g.healed,
    g.orphaned,
    g.unattended,
    f.ref AS sample_ref,
    coordinates_name(p.topic, p.partition, p.base + (f.ref & 1099511627775)) AS sample,
    CASE WHEN f.shown_kind IS NULL THEN 'other' ELSE f.signature END AS signature,
    g.trend,
    g.attended,
    CASE WHEN f.shown_kind IS NOT NULL AND h.ref IS NULL THEN group_evidence_name(f.group_evidence) END AS group_evidence,
    CASE WHEN f.shown_kind IS NOT NULL AND h.ref IS NULL THEN f.candidate_groups END AS candidate_groups
FROM grouped g
JOIN sample f ON f.shown_kind IS NOT DISTINCT FROM g.failure_kind
JOIN partition p ON p.ordinal = f.ref >> 40
LEFT JOIN group_then h ON h.ref = f.ref
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
ORDER BY f.shown_kind IS NULL, g.failures DESC, f.last_time DESC, f.signature, f.consumer_group;

COMMENT ON MACRO TABLE failures IS 'Evidenced failures by signature and group, a lower bound. since, until: only failure records that the tap saw at or after, and before, this time (UTC); orphans: only those whose way back is broken; unattended: only dead letters that no group has passed; signature: only this one; as_of: as they stood then (UTC; attended as far as changes of committed offsets are kept). Columns: failures (one per origin and group, under the signature of its latest record), first_time, last_time (of the failure records), consumer_group (NULL when not known), error_class, error_message (of the sample), origin_topic, root_type (of the sample''s root), dead, retrying, healed (each failure is one of the three), orphaned, unattended (dead letters that no group has passed), sample_ref, sample (coordinates of the latest failure record), signature (the 1000 most frequent kinds have rows; all others are one row, `other`), trend (failures in each twelfth of the window, or of the time from the first to the last where it is open), attended (dead letters that a group has passed), group_evidence (why consumer_group is believed, of the sample: named, topic or ledger), candidate_groups (where consumer_group is not known: the groups that it can be; NULL when none is known).';

CREATE OR REPLACE MACRO failures(since := NULL, until := NULL, orphans := false) AS TABLE
WITH chosen AS (
    SELECT f.*
    FROM failure_record f
    WHERE (since IS NULL OR f.seen_time >= CAST(since AS TIMESTAMP))
      AND (until IS NULL OR f.seen_time < CAST(until AS TIMESTAMP))
      AND (NOT orphans OR f.orphan_reason IS NOT NULL)
),
-- What people count: one failure an origin and group, with its attempts. Grouped by numbers; a sample gives the texts.
one AS (
    SELECT
        hash(c.signature, c.consumer_group) AS same,
        min(c.seen_time) AS seen_time,
        min(c.time) AS first_time,
        max(c.time) AS last_time,
        arg_max(c.ref, c.time) AS sample_ref,
        bool_or(c.state = 'healed') AS healed,
        bool_or(c.state = 'dead') AS dead,
        bool_or(c.orphan_reason IS NOT NULL) AS orphaned,
        bool_or(c.kind = 'dead_letter' AND c.attended_by IS NULL AND c.state <> 'healed') AS unattended
    FROM chosen c
    GROUP BY same, c.failed_record
),
span AS (
    SELECT
        epoch_us(coalesce(CAST(since AS TIMESTAMP), min(one.seen_time))) AS first_us,
        epoch_us(coalesce(CAST(until AS TIMESTAMP), max(one.seen_time))) AS last_us
    FROM one
),
placed AS (
    SELECT
        one.*,
        least((epoch_us(one.seen_time) - span.first_us) * 12 // greatest(span.last_us - span.first_us, 1), 11) AS twelfth
    FROM one, span
),
grouped AS (
    SELECT
        p.same,
        count(*) AS failures,
        min(p.first_time) AS first_time,
        max(p.last_time) AS last_time,
        arg_max(p.sample_ref, p.last_time) AS sample_ref,
        count(*) FILTER (WHERE p.dead AND NOT p.healed) AS dead,
        count(*) FILTER (WHERE NOT p.dead AND NOT p.healed) AS retrying,
        count(*) FILTER (WHERE p.healed) AS healed,
        count(*) FILTER (WHERE p.orphaned) AS orphaned,
        count(*) FILTER (WHERE p.unattended) AS unattended,
        [
            count(*) FILTER (WHERE p.twelfth = 0),
            count(*) FILTER (WHERE p.twelfth = 1),
            count(*) FILTER (WHERE p.twelfth = 2),
            count(*) FILTER (WHERE p.twelfth = 3),
            count(*) FILTER (WHERE p.twelfth = 4),
            count(*) FILTER (WHERE p.twelfth = 5),
            count(*) FILTER (WHERE p.twelfth = 6),
            count(*) FILTER (WHERE p.twelfth = 7),
            count(*) FILTER (WHERE p.twelfth = 8),
            count(*) FILTER (WHERE p.twelfth = 9),
            count(*) FILTER (WHERE p.twelfth = 10),
            count(*) FILTER (WHERE p.twelfth = 11)
        ] AS trend
    FROM placed p
    GROUP BY p.same
),
begin_of AS MATERIALIZED (
    SELECT r.root AS ref FROM failure_row r JOIN grouped ON grouped.sample_ref = r.ref WHERE r.root IS NOT NULL
)
SELECT
    g.failures,
    g.first_time,
    g.last_time,
    f.consumer_group,
    f.error_class,
    f.error_message,
    f.origin_topic,
    root.type AS root_type,
    g.dead,
    g.retrying,
    g.healed,
    g.orphaned,
    g.unattended,
    g.sample_ref,
    coordinates_name(p.topic, p.partition, p.base + (g.sample_ref & 1099511627775)) AS sample,
    f.signature,
    g.trend
FROM grouped g
JOIN failure_row f ON f.ref = g.sample_ref
JOIN partition p ON p.ordinal = g.sample_ref >> 40
LEFT JOIN (
    SELECT e.ref, f.type
    FROM event_row e
    JOIN profile f ON f.profile = e.profile
    WHERE e.slice IN (
        SELECT s.slice
        FROM slice_range s
        JOIN begin_of ON s.ordinal = begin_of.ref >> 40 AND s.first_ref <= begin_of.ref AND s.last_ref >= begin_of.ref
        UNION ALL
        SELECT open_slice()
    )
      AND e.ref IN (SELECT begin_of.ref FROM begin_of)
    UNION
    SELECT r.ref, f.type
    FROM root_row r
    JOIN profile f ON f.profile = r.profile
    WHERE r.ref IN (SELECT begin_of.ref FROM begin_of)
) root ON root.ref = f.root
ORDER BY g.failures DESC, g.last_time DESC, f.signature, f.consumer_group;

COMMENT ON MACRO TABLE failures IS 'Evidenced failures by signature and group, a lower bound. since, until: only failure records that the tap saw at or after, and before, this time (UTC); orphans: only those whose way back is broken. Columns: failures (one per origin and group), first_time, last_time (of the failure records), consumer_group (NULL when not known), error_class, error_message (of the sample), origin_topic, root_type (of the sample''s root), dead, retrying, healed (each failure is one of the three), orphaned, unattended (dead letters that no group has passed), sample_ref, sample (coordinates of the latest failure record), signature, trend (failures in each twelfth of the window, or of the time from the first to the last where it is open).';

CREATE OR REPLACE MACRO failures(since := NULL, orphans := false) AS TABLE
WITH chosen AS (
    SELECT f.*
    FROM failure f
    WHERE (since IS NULL OR f.ref IN (SELECT e.ref FROM any_event e WHERE e.seen_time >= CAST(since AS TIMESTAMP)))
      AND (NOT orphans OR f.orphan_reason IS NOT NULL)
),
-- What people count: one failure an origin and group, with its attempts.
one AS (
    SELECT
        c.signature,
        c.consumer_group,
        coalesce(c.origin, c.ref) AS origin,
        min(c.time) AS first_time,
        max(c.time) AS last_time,
        arg_max(c.ref, c.time) AS sample_ref,
        bool_or(c.state = 'healed') AS healed,
        bool_or(c.state = 'dead') AS dead,
        bool_or(c.orphan_reason IS NOT NULL) AS orphaned,
        bool_or(c.kind = 'dead_letter' AND c.attended_by IS NULL AND c.state <> 'healed') AS unattended
    FROM chosen c
    GROUP BY c.signature, c.consumer_group, coalesce(c.origin, c.ref)
),
grouped AS (
    SELECT
        one.signature,
        one.consumer_group,
        count(*) AS failures,
        min(one.first_time) AS first_time,
        max(one.last_time) AS last_time,
        arg_max(one.sample_ref, one.last_time) AS sample_ref,
        count(*) FILTER (WHERE one.dead AND NOT one.healed) AS dead,
        count(*) FILTER (WHERE NOT one.dead AND NOT one.healed) AS retrying,
        count(*) FILTER (WHERE one.healed) AS healed,
        count(*) FILTER (WHERE one.orphaned) AS orphaned,
        count(*) FILTER (WHERE one.unattended) AS unattended
    FROM one
    GROUP BY one.signature, one.consumer_group
)
SELECT
    g.failures,
    g.first_time,
    g.last_time,
    g.consumer_group,
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
    g.signature
FROM grouped g
JOIN failure_row f ON f.ref = g.sample_ref
JOIN partition p ON p.ordinal = g.sample_ref >> 40
LEFT JOIN (
    SELECT e.ref, f.type
    FROM any_event e
    JOIN profile f ON f.profile = e.profile
    WHERE e.ref IN (SELECT r.root FROM failure_row r JOIN grouped ON grouped.sample_ref = r.ref)
) root ON root.ref = f.root
ORDER BY g.failures DESC, g.last_time DESC, g.signature, g.consumer_group;

COMMENT ON MACRO TABLE failures IS 'Evidenced failures by signature and group, a lower bound. since: only failure records that the tap saw at or after this time (UTC); orphans: only those whose way back is broken. Columns: failures (one per origin and group), first_time, last_time (of the failure records), consumer_group (NULL when not known), error_class, error_message (of the sample), origin_topic, root_type (of the sample''s root), dead, retrying, healed (each failure is one of the three), orphaned, unattended (dead letters that no group has passed), sample_ref, sample (coordinates of the latest failure record), signature.';

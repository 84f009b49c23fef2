-- The latest failures of signature $1, one row each, at most $2.
WITH chosen AS MATERIALIZED (
    SELECT f.failure_case, max(f.time) AS time
    FROM failure_row f
    WHERE f.signature = $1
    GROUP BY f.failure_case
    ORDER BY max(f.time) DESC, f.failure_case
    LIMIT $2
),
one AS (
    SELECT
        f.failure_case,
        arg_max(f.ref, (f.time, f.ref)) AS ref,
        any_value(f.origin_topic) AS origin_topic,
        any_value(f.origin_partition) AS origin_partition,
        any_value(f.origin_offset) AS origin_offset,
        any_value(f.origin) AS origin,
        any_value(f.root) AS root,
        any_value(f.root_profile) AS root_profile,
        any_value(f.consumer_group) AS consumer_group,
        CASE WHEN bit_or(f.marks) & 1 = 1 THEN 'healed' WHEN bit_or(f.marks) & 2 = 2 THEN 'dead' ELSE 'retrying' END AS state,
        count(*) AS records,
        max(f.attempt) AS attempts,
        max(f.time) AS time,
        max(orphan_reason_name(f.orphan_reason)) AS orphan_reason,
        max(healed_evidence_name(f.healed_evidence)) FILTER (WHERE f.state = 'healed') AS healed_evidence
    FROM failure_row f
    WHERE f.failure_case IN (SELECT c.failure_case FROM chosen c)
    GROUP BY f.failure_case
)
SELECT
    o.ref,
    coordinates_name(p.topic, p.partition, p.base + (o.ref & 1099511627775)) AS coordinates,
    coalesce(
        coordinates_name(o.origin_topic, o.origin_partition, o.origin_offset),
        coordinates_name(q.topic, q.partition, q.base + (o.origin & 1099511627775))
    ) AS origin_coordinates,
    coordinates_name(r.topic, r.partition, r.base + (o.root & 1099511627775)) AS root_coordinates,
    t.type AS root_type,
    o.consumer_group,
    o.state,
    o.records,
    o.attempts,
    o.time,
    o.orphan_reason,
    o.healed_evidence
FROM one o
JOIN partition p ON p.ordinal = o.ref >> 40
LEFT JOIN partition q ON q.ordinal = o.origin >> 40
LEFT JOIN partition r ON r.ordinal = o.root >> 40
LEFT JOIN profile t ON t.profile = o.root_profile
ORDER BY o.time DESC, o.ref DESC;

-- The record that failed, where it is there, and the failure records of it, of the failure that record $1 belongs to; at
-- most $2.
WITH record AS MATERIALIZED (
    SELECT f.ref, f.kind, f.state, f.attempt, f.time, f.origin
    FROM failure_row f
    WHERE f.failure_case IN (SELECT w.failure_case FROM failure_row w WHERE w.ref = $1)
),
told AS (
    SELECT e.ref, 'origin' AS kind, CAST(NULL AS VARCHAR) AS state, CAST(NULL AS INTEGER) AS attempt, e.time
    FROM event_row e
    WHERE e.slice IN (FROM slices_holding((SELECT string_agg(DISTINCT r.origin, ',') FROM record r)))
      AND e.ref IN (SELECT r.origin FROM record r)
      AND e.ref NOT IN (SELECT r.ref FROM record r)
    UNION ALL
    SELECT r.ref, r.kind, r.state, r.attempt, r.time FROM record r
)
SELECT
    t.ref,
    coordinates_name(p.topic, p.partition, p.base + (t.ref & 1099511627775)) AS coordinates,
    t.kind,
    t.state,
    t.attempt,
    t.time
FROM told t
JOIN partition p ON p.ordinal = t.ref >> 40
ORDER BY t.kind <> 'origin', t.time, t.ref
LIMIT $2;

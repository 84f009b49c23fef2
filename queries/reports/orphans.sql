CREATE OR REPLACE MACRO orphans() AS TABLE
WITH broken AS (
    SELECT f.ref, f.orphan_reason FROM failure_row f WHERE f.orphan_reason IS NOT NULL
),
place AS (
    SELECT r.slice
    FROM slice_range r
    JOIN broken ON r.ordinal = broken.ref >> 40 AND r.first_ref <= broken.ref AND r.last_ref >= broken.ref
    UNION
    SELECT open_slice()
),
member AS MATERIALIZED (
    SELECT e.* FROM event_row e WHERE e.slice IN (FROM place) AND e.ref IN (SELECT broken.ref FROM broken)
)
SELECT
    e.ref,
    coordinates_name(e.topic, e.partition, e."offset") AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    orphan_reason_name(e.orphan_reason) AS orphan_reason,
    'event' AS what
FROM named_event e
WHERE e.resolution = 5
UNION ALL
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    orphan_reason_name(broken.orphan_reason) AS orphan_reason,
    'failure' AS what
FROM member e
JOIN broken ON broken.ref = e.ref
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
ORDER BY time, ref, what;

COMMENT ON MACRO TABLE orphans IS 'What cannot be traced back: ref, coordinates, time, kind, type, id, conversation, orphan_reason, what (event: the cause it names is not there; failure: its way back to the root is broken).';

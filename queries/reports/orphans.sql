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
)
SELECT
    e.ref,
    e.coordinates,
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
    e.coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    orphan_reason_name(broken.orphan_reason) AS orphan_reason,
    'failure' AS what
FROM named_event e
JOIN broken ON broken.ref = e.ref
WHERE e.slice IN (FROM place)
ORDER BY time, ref, what;

COMMENT ON MACRO TABLE orphans IS 'What cannot be traced back: ref, coordinates, time, kind, type, id, conversation, orphan_reason, what (event: the cause it names is not there; failure: its way back to the root is broken).';

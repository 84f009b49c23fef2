CREATE OR REPLACE MACRO orphans() AS TABLE
SELECT
    e.ref,
    e.coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    orphan_reason_name(o.orphan_reason) AS orphan_reason,
    o.what
FROM (
    SELECT a.ref, a.orphan_reason, 'event' AS what FROM any_event a WHERE a.resolution = 5
    UNION ALL
    SELECT f.ref, f.orphan_reason, 'failure' AS what FROM failure_row f WHERE f.orphan_reason IS NOT NULL
) o
JOIN named_event e ON e.ref = o.ref
ORDER BY e.time, e.ref, o.what;

COMMENT ON MACRO TABLE orphans IS 'What cannot be traced back: ref, coordinates, time, kind, type, id, conversation, orphan_reason, what (event: the cause it names is not there; failure: its way back to the root is broken).';

CREATE OR REPLACE MACRO orphans() AS TABLE
WITH told AS (
    SELECT o.*, o.orphan_reason AS reason, 'event' AS what FROM orphan_row o WHERE o.resolution = 5
    UNION ALL
    SELECT o.*, f.orphan_reason, 'failure'
    FROM failure_row f
    JOIN orphan_row o ON o.ref = f.ref
    WHERE f.orphan_reason IS NOT NULL
)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    orphan_reason_name(e.reason) AS orphan_reason,
    e.what
FROM told e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile;

COMMENT ON MACRO TABLE orphans IS 'What cannot be traced back: ref, coordinates, time, kind, type, id, conversation, orphan_reason, what (event: the cause it names is not there; failure: its way back to the root is broken).';

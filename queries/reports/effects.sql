-- The walk carries the weakest class on its way, which has three values: it ends on cycles, and it never lets an
-- inferred step pass for a declared one.
CREATE OR REPLACE MACRO effects(ref) AS TABLE
WITH RECURSIVE walk(event, rank) AS (
    SELECT CAST(ref AS BIGINT), 0
    UNION
    SELECT c.effect, greatest(walk.rank, evidence_rank(c.evidence))
    FROM walk JOIN cause_row c ON c.cause = walk.event
),
reached AS (
    SELECT walk.event, min(walk.rank) AS rank FROM walk WHERE walk.event <> CAST(ref AS BIGINT) GROUP BY walk.event
)
SELECT
    r.event AS ref,
    coordinates_name(p.topic, p.partition, p.base + (r.event & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    class_name(r.rank) AS class
FROM reached r
LEFT JOIN named_event e ON e.ref = r.event
LEFT JOIN partition p ON p.ordinal = r.event >> 40
ORDER BY e.time, r.event;

COMMENT ON MACRO TABLE effects IS 'All events that an event caused, directly or through others: ref, coordinates, time, kind, type, id, conversation (NULL for an event that was only named), class (the weakest step of the strongest way: declared, transactional or inferred). The event itself is left out.';

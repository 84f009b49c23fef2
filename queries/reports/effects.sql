-- The walk carries the weakest class on its way, which has three values: it ends on cycles, and it never lets an
-- inferred step pass for a declared one.
CREATE OR REPLACE MACRO effects(ref) AS TABLE
WITH RECURSIVE scope AS MATERIALIZED (FROM conversation_scope(conversation_of(ref))),
member AS MATERIALIZED (
    SELECT e.ref, e.cause, e.evidence FROM rows_within((SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope)) e
),
edge AS MATERIALIZED (
    SELECT m.ref AS effect, m.cause, m.evidence FROM member m WHERE m.cause IS NOT NULL
    UNION ALL
    SELECT r.effect, r.cause, r.evidence FROM cause_row r
),
walk(event, rank) AS (
    SELECT CAST(ref AS BIGINT), 0
    UNION
    SELECT c.effect, greatest(walk.rank, evidence_rank(c.evidence))
    FROM walk JOIN edge c ON c.cause = walk.event
),
reached AS MATERIALIZED (
    FROM (
        SELECT walk.event, min(walk.rank) AS rank FROM walk WHERE walk.event <> CAST(ref AS BIGINT) GROUP BY walk.event
    )
    LIMIT 100000
)
SELECT
    r.event AS ref,
    coordinates_name(p.topic, p.partition, p.base + (r.event & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    class_name(r.rank) AS class,
    e.ref IS NULL AND d.ordinal IS NOT NULL AS deleted
FROM reached r
LEFT JOIN (
    SELECT n.*
    FROM event_row n
    WHERE n.slice IN (SELECT CAST(unnest(string_split((SELECT scope.slices FROM scope), ',')) AS INTEGER) LIMIT 100000)
      AND n.ref IN (SELECT reached.event FROM reached)
) e ON e.ref = r.event
LEFT JOIN profile f ON f.profile = e.profile
LEFT JOIN partition p ON p.ordinal = r.event >> 40
LEFT JOIN deleted_row d ON d.ordinal = r.event >> 40 AND r.event >= d.first_ref AND r.event <= d.last_ref
ORDER BY e.time, r.event;

COMMENT ON MACRO TABLE effects IS 'All events that an event caused, directly or through others: ref, coordinates, time, kind, type, id, conversation (NULL for an event that was only named), class (the weakest step of the strongest way: declared, transactional or inferred), deleted (it was seen, and deleted since by retention). The event itself is left out.';

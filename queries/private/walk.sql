-- Walks along edges, for `ancestors` and `effects`.

-- Where the conversations of some events lie, whose refs are written between commas: as `conversation_scope`.
CREATE OR REPLACE MACRO scope_of_events(refs) AS TABLE
WITH RECURSIVE wanted AS MATERIALIZED (
    SELECT CAST(unnest(string_split(refs, ',')) AS BIGINT) AS ref LIMIT 100000
),
same(id) AS (
    SELECT DISTINCT e.conversation
    FROM event_row e
    WHERE e.slice IN (FROM slices_holding(refs)) AND e.ref IN (SELECT w.ref FROM wanted w)
    UNION
    SELECT link.other FROM same JOIN alias_link link ON link.id = same.id
),
told AS MATERIALIZED (SELECT string_agg(same.id, ',') AS ids FROM same)
SELECT
    (SELECT told.ids FROM told) AS ids,
    (SELECT string_agg(s.slice, ',') FROM slices_of_any((SELECT told.ids FROM told)) s) AS slices;

-- All that is reached from an event inside the conversations that lie there, and by edges beside events' own anywhere: down
-- to effects, or up to causes. The walk carries the weakest class on its way, which has three values: it ends on cycles,
-- and it never lets an inferred step pass for a declared one.
CREATE OR REPLACE MACRO walked(from_ref, ids, slices, down) AS TABLE
WITH RECURSIVE edge AS MATERIALIZED (
    SELECT
        CASE WHEN down THEN e.cause ELSE e.ref END AS here,
        CASE WHEN down THEN e.ref ELSE e.cause END AS there,
        e.evidence
    FROM rows_within(ids, slices) e
    WHERE e.cause IS NOT NULL
    UNION ALL
    SELECT CASE WHEN down THEN r.cause ELSE r.effect END, CASE WHEN down THEN r.effect ELSE r.cause END, r.evidence
    FROM cause_row r
    WHERE from_ref IS NOT NULL
),
walk(event, rank) AS (
    SELECT CAST(from_ref AS BIGINT), 0
    UNION
    SELECT edge.there, greatest(walk.rank, evidence_rank(edge.evidence))
    FROM walk
    JOIN edge ON edge.here = walk.event
)
SELECT walk.event, min(walk.rank) AS rank
FROM walk
WHERE walk.event <> CAST(from_ref AS BIGINT)
GROUP BY walk.event;

-- The same, and on inside the conversations that inferred edges led to, which join none. `far`: outside of the event's own
-- conversation. An inferred way through a third conversation is followed by its inferred steps only.
CREATE OR REPLACE MACRO reached(from_ref, down) AS TABLE
WITH scope AS MATERIALIZED (FROM conversation_scope(conversation_of(from_ref))),
member AS MATERIALIZED (
    SELECT e.ref FROM rows_within((SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope)) e
),
near AS MATERIALIZED (
    FROM walked(from_ref, (SELECT scope.ids FROM scope), (SELECT scope.slices FROM scope), down)
),
beyond AS MATERIALIZED (
    SELECT string_agg(b.event, ',') AS refs FROM (SELECT n.event FROM near n ANTI JOIN member m ON m.ref = n.event LIMIT 100000) b
),
further AS MATERIALIZED (FROM scope_of_events((SELECT beyond.refs FROM beyond))),
-- Without a conversation beyond there is nothing to walk from.
again AS (
    FROM walked(
        (SELECT CASE WHEN further.ids IS NOT NULL THEN from_ref END FROM further),
        (SELECT CASE WHEN further.ids IS NOT NULL THEN scope.ids || ',' || further.ids END FROM scope, further),
        (SELECT CASE WHEN further.ids IS NOT NULL THEN scope.slices || ',' || further.slices END FROM scope, further),
        down
    )
)
SELECT u.event, min(u.rank) AS rank, bool_and(m.ref IS NULL) AS far
FROM (FROM near UNION ALL FROM again) u
LEFT JOIN member m ON m.ref = u.event
GROUP BY u.event;

-- What is reached, with what there is to say of it.
CREATE OR REPLACE MACRO told_of(from_ref, down) AS TABLE
WITH found AS MATERIALIZED (FROM reached(from_ref, down)),
far AS MATERIALIZED (
    SELECT string_agg(f.event, ',') AS refs FROM (SELECT o.event FROM found o WHERE o.far LIMIT 100000) f
),
slice AS MATERIALIZED (
    SELECT CAST(unnest(string_split(scope.slices, ',')) AS INTEGER) AS slice
    FROM (FROM conversation_scope(conversation_of(from_ref))) scope
    UNION
    FROM slices_holding((SELECT far.refs FROM far))
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
FROM found r
LEFT JOIN (
    SELECT n.*
    FROM event_row n
    WHERE n.slice IN (SELECT s.slice FROM slice s LIMIT 100000) AND n.ref IN (SELECT found.event FROM found)
) e ON e.ref = r.event
LEFT JOIN profile f ON f.profile = e.profile
LEFT JOIN partition p ON p.ordinal = r.event >> 40
LEFT JOIN deleted_row d ON d.ordinal = r.event >> 40 AND r.event >= d.first_ref AND r.event <= d.last_ref
ORDER BY e.time, r.event;

CREATE OR REPLACE MACRO find_id(hi, lo, at_most := 100) AS TABLE
SELECT
    e.ref,
    coordinates_name(e.topic, e.partition, e."offset") AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    'id' AS matched
FROM named_event e
WHERE e.slice IN (FROM slices_of(hi, lo)) AND e.id_hi = CAST(hi AS BIGINT) AND e.id_lo = CAST(lo AS BIGINT)
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_id IS 'Events by the two halves of their own id. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

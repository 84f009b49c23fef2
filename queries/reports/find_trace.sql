CREATE OR REPLACE MACRO find_trace(hi, lo, at_most := 100) AS TABLE
SELECT
    e.ref,
    coordinates_name(e.topic, e.partition, e."offset") AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    'trace_id' AS matched
FROM named_event e
WHERE e.slice IN (FROM slices_of(hi, lo)) AND e.trace_hi = CAST(hi AS BIGINT) AND e.trace_lo = CAST(lo AS BIGINT)
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_trace IS 'Events by the two halves of their trace id. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

CREATE OR REPLACE MACRO find_correlation(hi, lo, at_most := 100) AS TABLE
SELECT
    e.ref,
    e.coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    'correlation_id' AS matched
FROM named_event e
WHERE e.correlation_hi = CAST(hi AS BIGINT) AND e.correlation_lo = CAST(lo AS BIGINT)
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_correlation IS 'Events by the two halves of their correlation id. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

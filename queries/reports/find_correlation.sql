CREATE OR REPLACE MACRO find_correlation(hi, lo, at_most := 100) AS TABLE
SELECT
    e.ref,
    coordinates_name(e.topic, e.partition, e."offset") AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    'correlation_id' AS matched
FROM named_event e
WHERE e.slice IN (FROM slices_of(hi, lo)) AND CASE (e.form >> 7) & 3
    WHEN 0 THEN e.correlation_hi = CAST(hi AS BIGINT) AND e.correlation_lo = CAST(lo AS BIGINT)
    WHEN 1 THEN e.id_hi = CAST(hi AS BIGINT) AND e.id_lo = CAST(lo AS BIGINT)
    WHEN 2 THEN e.causation_hi = CAST(hi AS BIGINT) AND e.causation_lo = CAST(lo AS BIGINT)
    ELSE e.trace_hi = CAST(hi AS BIGINT) AND e.trace_lo = CAST(lo AS BIGINT)
END
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_correlation IS 'Events by the two halves of their correlation id. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

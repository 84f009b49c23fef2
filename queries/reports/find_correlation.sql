CREATE OR REPLACE MACRO find_correlation(hi, lo, at_most := 100) AS TABLE
WITH hit AS MATERIALIZED (
    SELECT e.slice, e.ref
    FROM event_row e
    WHERE e.slice IN (FROM slices_of(hi, lo))
      AND (
          e.correlation_hi = CAST(hi AS BIGINT) OR e.id_hi = CAST(hi AS BIGINT)
          OR e.causation_hi = CAST(hi AS BIGINT) OR e.trace_hi = CAST(hi AS BIGINT)
      )
    LIMIT 100000
),
member AS MATERIALIZED (
    SELECT e.*
    FROM event_row e
    WHERE e.slice IN (SELECT hit.slice FROM hit) AND e.ref IN (SELECT hit.ref FROM hit)
)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    'correlation_id' AS matched
FROM member e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
WHERE CASE (e.form >> 7) & 3
    WHEN 0 THEN e.correlation_hi = CAST(hi AS BIGINT) AND e.correlation_lo = CAST(lo AS BIGINT)
    WHEN 1 THEN e.id_hi = CAST(hi AS BIGINT) AND e.id_lo = CAST(lo AS BIGINT)
    WHEN 2 THEN e.causation_hi = CAST(hi AS BIGINT) AND e.causation_lo = CAST(lo AS BIGINT)
    ELSE e.trace_hi = CAST(hi AS BIGINT) AND e.trace_lo = CAST(lo AS BIGINT)
END
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_correlation IS 'Events by the two halves of their correlation id. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

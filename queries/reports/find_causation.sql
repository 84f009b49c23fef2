CREATE OR REPLACE MACRO find_causation(hi, lo, at_most := 100) AS TABLE
WITH member AS MATERIALIZED (
    SELECT e.*
    FROM event_row e
    WHERE e.slice IN (FROM slices_of(hi, lo))
      AND e.causation_hi = CAST(hi AS BIGINT) AND e.causation_lo = CAST(lo AS BIGINT)
)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    'causation_id' AS matched
FROM member e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_causation IS 'Events by the two halves of the id that they name as their cause. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

CREATE OR REPLACE MACRO find_key(hash, at_most := 100) AS TABLE
WITH member AS MATERIALIZED (
    SELECT e.*
    FROM event_row e
    WHERE e.slice IN (FROM slices_of(hash, 0))
      AND e.key_hash >= CAST(hash AS BIGINT) AND e.key_hash <= CAST(hash AS BIGINT)
)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    'key' AS matched
FROM member e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_key IS 'Events by the keyed hash of their record key. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

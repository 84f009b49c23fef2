CREATE OR REPLACE MACRO find_keys(hashes, at_most := 100) AS TABLE
WITH member AS MATERIALIZED (
    SELECT e.*
    FROM event_row e
    WHERE e.slice IN (FROM slices_of_any(hashes))
      AND e.key_hash IN (SELECT CAST(unnest(string_split(hashes, ',')) AS BIGINT) LIMIT 100000)
)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    'key' AS matched,
    e.key_hash
FROM member e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_keys IS 'Events by any of the keyed hashes of their record key, written between commas. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched), key_hash.';

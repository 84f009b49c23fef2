-- The earliest are chosen by what few columns say, before the others are read of those alone.
CREATE OR REPLACE MACRO find_key(hash, at_most := 100) AS TABLE
WITH hit AS MATERIALIZED (
    SELECT e.slice, e.rowid AS place, e.time, e.ref
    FROM event_row e
    WHERE e.slice IN (FROM slices_of(hash, 0))
      AND e.key_hash >= CAST(hash AS BIGINT) AND e.key_hash <= CAST(hash AS BIGINT)
    ORDER BY e.time, e.ref
    LIMIT at_most
),
member AS MATERIALIZED (
    SELECT e.ref, e.time, e.kind, e.profile, e.form, e.id_hi, e.id_lo, e.id_text, e.conversation
    FROM event_row e
    WHERE e.slice IN (SELECT hit.slice FROM hit) AND e.rowid IN (SELECT hit.place FROM hit)
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
ORDER BY e.time, e.ref;

COMMENT ON MACRO TABLE find_key IS 'Events by the keyed hash of their record key. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

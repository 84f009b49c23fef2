CREATE OR REPLACE MACRO find_keys(hashes, at_most := 100) AS TABLE
SELECT
    e.ref,
    e.coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    'key' AS matched,
    e.key_hash
FROM named_event e
WHERE e.slice IN (
    SELECT i.slice
    FROM id_slice i
    WHERE i.value_hash IN (SELECT id_hash(CAST(k.hash AS BIGINT), 0) FROM unnest(string_split(hashes, ',')) k(hash))
    UNION ALL
    SELECT open_slice()
)
  AND e.key_hash IN (SELECT CAST(unnest(string_split(hashes, ',')) AS BIGINT))
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_keys IS 'Events by any of the keyed hashes of their record key, written between commas. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched), key_hash.';

CREATE OR REPLACE MACRO find_key(hash, at_most := 100) AS TABLE
SELECT
    e.ref,
    coordinates_name(e.topic, e.partition, e."offset") AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    'key' AS matched
FROM named_event e
WHERE e.slice IN (FROM slices_of(hash, 0)) AND e.key_hash = CAST(hash AS BIGINT)
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_key IS 'Events by the keyed hash of their record key. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

CREATE OR REPLACE MACRO find_text(own_text, at_most := 100) AS TABLE
SELECT
    e.ref,
    coordinates_name(e.topic, e.partition, e."offset") AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    CASE WHEN e.id_text = own_text THEN 'id' WHEN e.correlation_text = own_text THEN 'correlation_id' ELSE 'causation_id' END AS matched
FROM named_event e
WHERE e.id_text = own_text OR e.correlation_text = own_text OR e.causation_text = own_text
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_text IS 'Events by the text of an id that is neither UUID nor 32 hexadecimal digits. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

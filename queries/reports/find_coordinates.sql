CREATE OR REPLACE MACRO find_coordinates(of_topic, of_partition, at_offset, at_most := 100) AS TABLE
SELECT
    e.ref,
    e.coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    e.type,
    e.id,
    e.conversation,
    'coordinates' AS matched
FROM named_event e
WHERE e.ref IN (
    SELECT (CAST(p.ordinal AS BIGINT) << 40) + (CAST(at_offset AS BIGINT) - p.base)
    FROM partition p
    WHERE p.topic = of_topic
      AND p.partition = of_partition
      AND CAST(at_offset AS BIGINT) >= p.base
      AND CAST(at_offset AS BIGINT) - p.base <= 1099511627775
)
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_coordinates IS 'Events by topic, partition and offset: several when clusters or incarnations share the name. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

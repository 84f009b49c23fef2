CREATE OR REPLACE MACRO find_coordinates(of_topic, of_partition, at_offset, at_most := 100) AS TABLE
WITH place AS (
    SELECT (CAST(p.ordinal AS BIGINT) << 40) + (CAST(at_offset AS BIGINT) - p.base) AS ref
    FROM partition p
    WHERE p.topic = of_topic
      AND p.partition = of_partition
      AND CAST(at_offset AS BIGINT) >= p.base
      AND CAST(at_offset AS BIGINT) - p.base <= 1099511627775
),
member AS MATERIALIZED (
    SELECT e.*
    FROM event_row e
    WHERE e.slice IN (
        SELECT r.slice
        FROM slice_range r
        JOIN place ON r.ordinal = place.ref >> 40 AND r.first_ref <= place.ref AND r.last_ref >= place.ref
        UNION ALL
        SELECT open_slice()
    )
      AND e.ref IN (SELECT place.ref FROM place)
)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    'coordinates' AS matched
FROM member e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
ORDER BY e.time, e.ref
LIMIT at_most;

COMMENT ON MACRO TABLE find_coordinates IS 'Events by topic, partition and offset: several when clusters or incarnations share the name. At most at_most rows, earliest first. Columns: ref, coordinates, time, kind, type, id, conversation, matched (what matched).';

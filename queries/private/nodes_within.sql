-- The events of a conversation, of which `conversation_scope` says where it lies.
CREATE OR REPLACE MACRO nodes_within(ids, slices) AS TABLE
WITH member AS MATERIALIZED (FROM rows_within(ids, slices))
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    p.cluster,
    p.topic,
    p.partition,
    p.base + (e.ref & 1099511627775) AS "offset",
    e.time,
    e.seen_time,
    kind_name(e.kind) AS kind,
    f.type,
    f.source,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    resolution_name(e.resolution) AS resolution,
    orphan_reason_name(e.orphan_reason) AS orphan_reason,
    e.conversation
FROM member e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile
ORDER BY e.time, e.ref;

CREATE OR REPLACE MACRO orphans() AS TABLE
WITH told AS (
    SELECT o.*, o.orphan_reason AS reason, 'event' AS what, f.consumer_group, f.signature, f.error_class, f.error_message,
        f.origin_topic, f.origin_partition, f.origin_offset
    FROM orphan_row o
    LEFT JOIN failure_row f ON f.ref = o.ref
    WHERE o.resolution = 5
    UNION ALL
    SELECT o.*, f.orphan_reason, 'failure', f.consumer_group, f.signature, f.error_class, f.error_message,
        f.origin_topic, f.origin_partition, f.origin_offset
    FROM failure_row f
    JOIN orphan_row o ON o.ref = f.ref
    WHERE f.orphan_reason IS NOT NULL
)
SELECT
    e.ref,
    coordinates_name(p.topic, p.partition, p.base + (e.ref & 1099511627775)) AS coordinates,
    e.time,
    kind_name(e.kind) AS kind,
    f.type,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text) AS id,
    e.conversation,
    orphan_reason_name(e.reason) AS orphan_reason,
    e.what,
    e.consumer_group,
    e.signature,
    e.error_class,
    e.error_message,
    coordinates_name(e.origin_topic, e.origin_partition, e.origin_offset) AS origin_coordinates
FROM told e
JOIN partition p ON p.ordinal = e.ref >> 40
JOIN profile f ON f.profile = e.profile;

COMMENT ON MACRO TABLE orphans IS 'What cannot be traced back: ref, coordinates, time, kind, type, id, conversation, orphan_reason, what (event: the cause it names is not there; failure: its way back to the root is broken), and, of failures, consumer_group, signature, error_class, error_message, origin_coordinates (topic/partition/offset of the record that failed, where that is named).';

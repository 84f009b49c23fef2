CREATE OR REPLACE MACRO rewinds(since := NULL) AS TABLE
SELECT
    p.cluster,
    r.consumer_group,
    p.topic,
    p.partition,
    r.from_offset,
    r.to_offset,
    r.from_offset - r.to_offset AS offsets,
    r.sampled_at - to_milliseconds(r.resolution_ms) AS not_before,
    r.sampled_at AS not_after,
    r.resolution_ms,
    p.incarnation,
    coordinates_name(p.topic, p.partition, r.to_offset) AS coordinates
FROM rewind_row r
JOIN partition p ON p.ordinal = r.ordinal
WHERE since IS NULL OR r.sampled_at >= CAST(since AS TIMESTAMP)
ORDER BY r.sampled_at DESC, p.cluster, r.consumer_group, p.topic, p.partition;

COMMENT ON MACRO TABLE rewinds IS 'Committed offsets that went back, the latest first: what lies between was or will be read again. since: only those that were seen since then (UTC). Columns: cluster, consumer_group, topic, partition, from_offset (where it stood), to_offset (where it went), offsets (how far back), not_before and not_after (UTC; between which two samples; the same when the log of commits told the exact time), resolution_ms, incarnation, coordinates (of the record that is read again first).';

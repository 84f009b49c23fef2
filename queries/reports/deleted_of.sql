CREATE OR REPLACE MACRO deleted_of(refs) AS TABLE
SELECT d.ref, p.topic, p.partition, p.base + (d.ref & 1099511627775) AS "offset", r.last_seen AS deleted_before
FROM (SELECT CAST(unnest(string_split(refs, ',')) AS BIGINT) AS ref) d
JOIN deleted_row r ON r.ordinal = d.ref >> 40 AND d.ref >= r.first_ref AND d.ref <= r.last_ref
JOIN partition p ON p.ordinal = d.ref >> 40
ANTI JOIN (
    SELECT s.slice, s.ordinal, s.first_ref, s.last_ref FROM slice_range s
) k ON k.ordinal = d.ref >> 40 AND d.ref >= k.first_ref AND d.ref <= k.last_ref
ORDER BY d.ref;

COMMENT ON MACRO TABLE deleted_of IS 'Those of some refs, written between commas, whose events were seen and deleted since by retention: ref, topic, partition, offset, deleted_before (of its partition, events seen by then are gone).';

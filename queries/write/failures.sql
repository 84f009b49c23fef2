-- An origin that was read so long ago that the core knows it no more.
UPDATE failure_stage SET counted_minute = date_trunc('minute', e.seen_time), counted_profile = e.profile
FROM event_row e, partition p, coverage_row c
WHERE failure_stage.counted_profile IS NULL
  AND e.slice IN (
      SELECT r.slice
      FROM slice_range r
      JOIN failure_stage f ON r.ordinal = f.origin >> 40 AND r.first_ref <= f.origin AND r.last_ref >= f.origin
      WHERE f.counted_profile IS NULL
      UNION ALL
      SELECT open_slice()
  )
  AND e.ref = failure_stage.origin
  AND p.ordinal = failure_stage.origin >> 40
  AND c.ordinal = p.ordinal
  AND c.reason IS NULL
  AND p.base + (failure_stage.origin & 1099511627775) >= c.first_offset
  AND p.base + (failure_stage.origin & 1099511627775) < c.next_offset;

-- A failure that is told again and stands as before has not changed since then.
UPDATE failure_stage SET changed_at = f.changed_at
FROM failure_row f
WHERE f.ref = failure_stage.ref
  AND f.state = failure_stage.state
  AND f.consumer_group IS NOT DISTINCT FROM failure_stage.consumer_group
  AND f.orphan_reason IS NOT DISTINCT FROM failure_stage.orphan_reason
  AND f.healed_by IS NOT DISTINCT FROM failure_stage.healed_by
  AND f.healed_evidence IS NOT DISTINCT FROM failure_stage.healed_evidence;

INSERT INTO failure_history_row
SELECT
    f.ref, f.changed_at, s.changed_at, f.state, f.consumer_group, f.orphan_reason, f.healed_by, f.healed_evidence
FROM failure_row f
JOIN failure_stage s ON s.ref = f.ref
WHERE s.changed_at > f.changed_at;

INSERT INTO replaced_stage
SELECT f.rowid, f.failure_case FROM failure_row f WHERE f.ref IN (SELECT s.ref FROM failure_stage s);

DELETE FROM failure_row WHERE rowid IN (SELECT r.place FROM replaced_stage r);

INSERT INTO numbered_stage BY NAME
SELECT
    s.* EXCLUDE (listed_groups),
    CASE WHEN s.listed_groups <> '' THEN string_split(s.listed_groups, chr(31)) END AS candidate_groups,
    CAST(md5_number_lower(s.signature || chr(31) || coalesce('g' || s.consumer_group, '')) >> 1 AS BIGINT) AS failure_kind,
    CAST(md5_number_lower(coalesce('g' || s.consumer_group, '') || chr(31) || CASE
            WHEN s.origin IS NOT NULL THEN CAST(s.origin AS VARCHAR)
            WHEN s.origin_offset IS NULL OR s.origin_topic IS NULL OR s.origin_partition IS NULL THEN 'r' || s.ref
            ELSE concat_ws('/', p.cluster, s.origin_topic, s.origin_partition, s.origin_offset) END) >> 1 AS BIGINT)
        AS failure_case,
    CASE WHEN s.origin_topic IS NULL AND o.topic_number IS NULL THEN p.topic_number ELSE o.topic_number END
        AS counted_topic,
    CAST(CASE s.state WHEN 'healed' THEN 1 WHEN 'dead' THEN 2 ELSE 0 END
            + CASE WHEN s.orphan_reason IS NULL THEN 0 ELSE 4 END
            + CASE WHEN s.kind = 'dead_letter' AND s.state <> 'healed' THEN 8 ELSE 0 END AS TINYINT) AS marks
FROM failure_stage s
JOIN partition p ON p.ordinal = s.ref >> 40
LEFT JOIN partition o ON o.ordinal = s.origin >> 40;

INSERT INTO failure_row FROM numbered_stage;

-- By the time of reading too: it tells in which few blocks the events lie.
INSERT INTO orphan_row
SELECT e.slice, e.ref, e.time, e.kind, e.resolution, e.orphan_reason, e.form, e.profile,
    e.conversation, e.id_hi, e.id_lo, e.id_text
FROM event_row e
JOIN (
    SELECT n.ref, n.seen_time
    FROM numbered_stage n
    WHERE n.orphan_reason IS NOT NULL AND n.ref NOT IN (SELECT o.ref FROM orphan_row o)
) n ON n.ref = e.ref AND n.seen_time = e.seen_time;

INSERT INTO case_stage
SELECT n.failure_case FROM numbered_stage n
UNION
SELECT r.failure_case FROM replaced_stage r;

DELETE FROM failure_stage;

DELETE FROM replaced_stage;

DELETE FROM numbered_stage;

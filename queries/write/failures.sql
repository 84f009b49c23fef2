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

DELETE FROM failure_row WHERE ref IN (SELECT s.ref FROM failure_stage s);

INSERT INTO failure_row FROM failure_stage;

DELETE FROM failure_stage;

-- Events that were written before this commit, for the ranges in `range_stage` that hold some.
SELECT e.ref, e.seen_time, e.profile
FROM event_row e
WHERE e.slice IN (
    SELECT r.slice
    FROM slice_range r
    JOIN range_stage s ON r.ordinal = s.first_ref >> 40 AND r.last_ref >= s.first_ref AND r.first_ref < s.end_ref
    UNION ALL
    SELECT open_slice()
)
  AND e.ref >= $1 AND e.ref < $2;

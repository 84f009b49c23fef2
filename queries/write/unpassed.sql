-- The events in the ranges of `range_stage`, in order.
SELECT e.ref, coalesce(e.record_time, e.time)
FROM event_row e
JOIN range_stage s ON e.ref >= s.first_ref AND e.ref < s.end_ref
WHERE e.slice IN (
    SELECT r.slice
    FROM slice_range r
    JOIN range_stage w ON r.ordinal = w.first_ref >> 40 AND r.last_ref >= w.first_ref AND r.first_ref < w.end_ref
    UNION ALL
    SELECT open_slice()
)
ORDER BY e.ref;

-- The last $1 settled rows in the order in which they were written: row ids grow with it, and need no sort.
SELECT
    ref, id_hi, id_lo, form, trace_hi, trace_lo, span, correlation_hi, correlation_lo, causation_hi, causation_lo,
    conversation, profile, kind, resolution, orphan_reason, seen_time, cause
FROM event_row
WHERE resolution <> 4 AND rowid >= (SELECT coalesce(max(rowid), 0) + 1 - $1 FROM event_row);

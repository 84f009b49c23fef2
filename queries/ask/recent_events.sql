-- The last $1 rows in the order in which they were written: row ids grow with it, and need no sort.
SELECT
    ref, id_hi, id_lo, form & 3, trace_hi, trace_lo, span, correlation_hi, correlation_lo, (form >> 4) & 3,
    conversation, profile, kind, resolution, orphan_reason, seen_time
FROM event_row
WHERE rowid >= (SELECT coalesce(max(rowid), 0) + 1 - $1 FROM event_row);

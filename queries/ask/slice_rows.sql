-- The events of slice $1, as far as what it holds goes.
SELECT
    ref, seen_time, conversation, key_hash, id_hi, id_lo, causation_hi, causation_lo, correlation_hi, correlation_lo,
    trace_hi, trace_lo
FROM event_row
WHERE slice = $1;

SELECT
    e.ref, e.time, e.record_time, e.seen_time, e.kind, e.resolution, e.orphan_reason, e.form, e.profile, e.producer,
    e.key_hash, e.conversation, e.key_bytes, e.value_bytes, e.id_hi, e.id_lo, e.id_text, e.causation_hi, e.causation_lo,
    e.causation_text, e.correlation_hi, e.correlation_lo, e.correlation_text, e.trace_hi, e.trace_lo, e.span, e.cause,
    e.evidence
FROM event_row e
JOIN pending_row p ON p.slice = e.slice AND p.ref = e.ref
ORDER BY e.ref;

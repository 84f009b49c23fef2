-- Entries after ($1, $2) up to $3, at most $5. Passes are told of events that were seen since $4: the bound keeps this
-- from a scan of all that was ever told.
WITH entry AS (
    SELECT
        seq, ref, seed, seen_time, 0 AS part, parent, resolution, orphan_reason,
        CAST(NULL AS VARCHAR) AS consumer_group, CAST(NULL AS TIMESTAMP) AS not_before,
        CAST(NULL AS TIMESTAMP) AS not_after
    FROM outbox_event
    WHERE seq > $1 AND seq <= $3
    UNION ALL
    SELECT seq, ref, seed, seen_time, 1, NULL, NULL, NULL, NULL, NULL, NULL
    FROM outbox_link
    WHERE late AND seq > $1 AND seq <= $3
    UNION ALL
    SELECT p.seq, e.ref, e.seed, e.seen_time, 2, NULL, NULL, NULL, p.consumer_group, p.not_before, p.not_after
    FROM outbox_pass p
    JOIN outbox_event e ON e.ref >> 40 = p.first_ref >> 40 AND e.ref >= p.first_ref AND e.ref < p.next_ref
    WHERE p.seq >= $1 AND p.seq <= $3 AND (p.seq > $1 OR e.ref > $2) AND e.seq < p.seq AND e.seen_time >= $4
      AND NOT (p.again AND EXISTS (
          SELECT 1
          FROM outbox_pass q
          WHERE q.consumer_group = p.consumer_group AND q.first_ref >> 40 = p.first_ref >> 40
            AND q.first_ref <= e.ref AND e.ref < q.next_ref AND q.seq > e.seq AND q.seq < p.seq
      ))
    ORDER BY seq, ref
    LIMIT $5
)
SELECT
    n.seq, n.ref, n.seed, n.part, n.parent, n.resolution, n.orphan_reason, n.consumer_group, n.not_before, n.not_after,
    e.time, e.record_time, e.kind, e.form, e.value_bytes,
    id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text),
    correlation_name(
        e.form, e.correlation_hi, e.correlation_lo, e.correlation_text,
        id_name(e.form & 3, e.id_hi, e.id_lo, e.id_text),
        id_name((e.form >> 2) & 3, e.causation_hi, e.causation_lo, e.causation_text),
        hex64(e.trace_hi) || hex64(e.trace_lo)
    ),
    e.trace_hi, e.trace_lo, e.span,
    f.type, f.source, f.version,
    x.kind, x.consumer_group, x.attempt, x.error_class, x.error_message, x.signature
FROM entry n
JOIN event_row e ON e.ref = n.ref AND e.seen_time = n.seen_time
JOIN profile f ON f.profile = e.profile
LEFT JOIN failure_row x ON x.ref = n.ref
ORDER BY n.seq, n.ref;

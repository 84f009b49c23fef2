-- The last entry that may go: before the first that was seen since $1 and before the one that is being sent, or before the
-- first that was seen since $2: of those before it the events are gone, and they can no longer be told.
SELECT greatest(
    least(coalesce(min(e.seq) FILTER (WHERE e.seen_time >= $1) - 1, max(e.seq)), max(o.sent_seq) - 1),
    CASE
        WHEN bool_or(e.seen_time < $2) THEN coalesce(min(e.seq) FILTER (WHERE e.seen_time >= $2) - 1, max(e.seq))
    END
)
FROM outbox_event e
CROSS JOIN outbox_state o;

-- The last entry that may go. What stays begins with the first that was not sent or was seen since $1, and was seen since
-- $2: before that its event is gone, and it can no longer be told.
SELECT coalesce(
    min(e.seq) FILTER (WHERE (e.seq >= o.sent_seq OR e.seen_time >= $1) AND e.seen_time >= $2) - 1,
    max(e.seq)
)
FROM outbox_event e
CROSS JOIN outbox_state o;

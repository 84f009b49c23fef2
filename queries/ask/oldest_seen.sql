-- When the oldest event was seen.
SELECT least(
    (SELECT min(s.first_seen) FROM slice_row s),
    (SELECT min(e.seen_time) FROM event_row e WHERE e.slice = open_slice())
);

-- How much a copy holds, and up to when it was seen.
SELECT count(*), max(e.seen_time) FROM event_row e

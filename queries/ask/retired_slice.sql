-- The oldest slice whose events were all seen before $1, and how many it has.
SELECT slice, events FROM slice_row WHERE events > 0 AND last_seen < $1 ORDER BY slice LIMIT 1;

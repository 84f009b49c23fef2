-- The oldest slice whose events were all seen before $1.
SELECT min(slice) FROM slice_row WHERE events > 0 AND last_seen < $1;

-- Events that were written before this commit, for ranges that hold some: $1 is a time before which none of them was
-- seen, $2 the first ref and $3 the one after the last.
SELECT ref, seen_time, profile FROM any_event WHERE seen_time >= $1 AND ref >= $2 AND ref < $3;

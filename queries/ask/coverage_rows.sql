SELECT ordinal, reason, first_offset, next_offset, log_start, seen, missing
FROM coverage_row
ORDER BY ordinal, reason NULLS FIRST;

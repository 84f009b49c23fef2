-- Offsets that the tap has not read yet, as far as samples of groups show: of partitions that some group reads, up to
-- the log end of their last sample.
SELECT CAST(coalesce(sum(greatest(e.log_end_offset - c.next_offset, 0)), 0) AS BIGINT) AS tap_lag_offsets
FROM (SELECT ordinal, max(log_end_offset) AS log_end_offset FROM progress_row GROUP BY ordinal) e
JOIN coverage_row c ON c.ordinal = e.ordinal AND c.reason IS NULL;

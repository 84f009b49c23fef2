-- Progress marks before $1, at most $2; the last of each group and partition stays: it says how far the group was.
DELETE FROM progress_mark
WHERE rowid IN (
    SELECT m.rowid
    FROM progress_mark m
    JOIN (
        SELECT consumer_group, ordinal, max(sampled_at) AS sampled_at
        FROM progress_mark
        WHERE sampled_at < $1
        GROUP BY consumer_group, ordinal
    ) k ON k.consumer_group = m.consumer_group AND k.ordinal = m.ordinal AND m.sampled_at < k.sampled_at
    LIMIT $2
);

SELECT *
FROM progress
WHERE cluster = $1 AND consumer_group = $2 AND topic = $3
ORDER BY state IN ('stable', 'empty'), coalesce(lag_records, lag_offsets, 0) DESC, incarnation DESC, partition;

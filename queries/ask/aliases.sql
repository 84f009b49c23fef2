-- The last $1 merges of conversations, in the order in which they were written.
SELECT old_id, current_id
FROM alias_row
WHERE rowid >= (SELECT coalesce(max(rowid), 0) + 1 - $1 FROM alias_row);

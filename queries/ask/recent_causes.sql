-- The last $1 edges in the order in which they were written.
SELECT effect, cause FROM cause_row WHERE rowid >= (SELECT coalesce(max(rowid), 0) + 1 - $1 FROM cause_row);

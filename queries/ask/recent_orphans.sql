-- Orphans among the last $1 rows, in the order in which they were written.
SELECT * FROM event_row WHERE resolution = 5 AND rowid >= (SELECT coalesce(max(rowid), 0) + 1 - $1 FROM event_row);

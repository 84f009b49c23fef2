-- The latest; $1 is the limit.
SELECT * FROM failure_row ORDER BY time DESC, ref DESC LIMIT $1;

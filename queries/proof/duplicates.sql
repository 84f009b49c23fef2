-- Macro `duplicates`: $1 since, $2 until; NULL for no bound.
SELECT * FROM duplicates(since := $1, until := $2);

-- The public views: what SHOW TABLES lists. Private ones carry no comment.
SELECT view_name AS name, comment AS description
FROM duckdb_views()
WHERE NOT internal AND database_name = current_database() AND comment IS NOT NULL
ORDER BY view_name

-- The first question of psql's \d NAME: which relations are meant.
-- $1: regular expression for the name.
SELECT view_oid AS oid, schema_name AS nspname, view_name AS relname
FROM duckdb_views()
WHERE NOT internal AND database_name = current_database() AND comment IS NOT NULL
    AND regexp_matches(view_name, $1::VARCHAR)
ORDER BY 2, 3

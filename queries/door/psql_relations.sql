-- What psql's \d, \dt and \dv list: the views, which are the contract. The tables behind them are private.
-- $1: regular expression for the name.
SELECT schema_name AS "Schema", view_name AS "Name", 'view' AS "Type", 'headwater' AS "Owner", comment AS "Description"
FROM duckdb_views()
WHERE NOT internal AND database_name = current_database() AND comment IS NOT NULL
    AND regexp_matches(view_name, $1::VARCHAR)
ORDER BY ALL

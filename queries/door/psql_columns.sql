-- The third question of psql's \d NAME: the columns. psql reads them by their place and leaves the last two unless it
-- was asked for \d+.
-- $1: the number that psql_named gave.
SELECT column_name AS attname, data_type AS format_type, NULL AS attrdef, false AS attnotnull, NULL AS attcollation,
       '' AS attidentity, '' AS attgenerated, 'p' AS attstorage, comment AS description
FROM duckdb_columns()
WHERE table_oid = $1::BIGINT AND database_name = current_database()
ORDER BY column_index

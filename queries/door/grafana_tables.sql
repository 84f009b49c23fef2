-- The tables that Grafana's query builder offers: the public views.
-- $1: the schema, NULL for all.
SELECT view_name AS "table"
FROM duckdb_views()
WHERE NOT internal AND database_name = current_database() AND comment IS NOT NULL
    AND ($1::VARCHAR IS NULL OR $1::VARCHAR = schema_name)
ORDER BY 1

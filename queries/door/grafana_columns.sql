-- The columns of one view for Grafana's query builder, with PostgreSQL's names for their types.
-- $1: name of the view.
SELECT
    CASE
        WHEN column_name IN (SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved')
            THEN '"' || column_name || '"'
        ELSE column_name
    END AS "column",
    CASE data_type
        WHEN 'VARCHAR' THEN 'text'
        WHEN 'DOUBLE' THEN 'double precision'
        WHEN 'FLOAT' THEN 'real'
        WHEN 'TIMESTAMP' THEN 'timestamp without time zone'
        ELSE lower(data_type)
    END AS "type"
FROM duckdb_columns()
WHERE database_name = current_database() AND table_name = $1::VARCHAR
    AND table_name IN (SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NOT NULL)
ORDER BY column_index

SELECT
    count(*) FILTER (WHERE table_name = 'meta') > 0,
    count(*) > 0
FROM duckdb_tables()
WHERE NOT temporary;

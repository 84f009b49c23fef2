-- What psql's \df lists: the macros of the contract.
-- $1: regular expression for the name.
SELECT DISTINCT schema_name AS "Schema", function_name AS "Name", 'TABLE' AS "Result data type",
       array_to_string(parameters, ', ') AS "Argument data types", 'func' AS "Type", comment AS "Description"
FROM duckdb_functions()
WHERE NOT internal AND database_name = current_database() AND function_type = 'table_macro' AND comment IS NOT NULL
    AND regexp_matches(function_name, $1::VARCHAR)
ORDER BY ALL

SELECT CAST(parameter_types AS VARCHAR[]) AS parameter_types FROM duckdb_prepared_statements() WHERE name = 'question';

COPY (
    SELECT * FROM {view} WHERE {column} >= make_timestamp({since}) AND {column} < make_timestamp({until})
) TO {file} (FORMAT parquet, COMPRESSION zstd)

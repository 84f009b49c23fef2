COPY (
    SELECT *
    FROM {view}
    WHERE {column} IN (
        SELECT e.ref FROM event e
        WHERE e.seen_time >= make_timestamp({since}) AND e.seen_time < make_timestamp({until})
    )
) TO {file} (FORMAT parquet, COMPRESSION zstd)

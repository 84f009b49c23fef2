COPY (SELECT * FROM {view}) TO {file} (FORMAT parquet, COMPRESSION zstd)

-- Whether TimescaleDB is installed: it is not. A data source that has its switch on gets `time_bucket` all the same.
SELECT '' AS extversion WHERE false

-- The last question of psql's \d+ NAME: the text of a view.
-- $1: the number that psql_named gave.
SELECT sql AS pg_get_viewdef FROM duckdb_views() WHERE view_oid = $1::BIGINT

-- The second question of psql's \d NAME: what one relation is. psql reads the columns by their place.
-- $1: the number that psql_named gave.
SELECT 0 AS relchecks, 'v' AS relkind, false AS relhasindex, false AS relhasrules, false AS relhastriggers,
       false AS relrowsecurity, false AS relforcerowsecurity, false AS relhasoids, false AS relispartition,
       '' AS reloptions, 0 AS reltablespace, '' AS reloftype, 'p' AS relpersistence, 'n' AS relreplident, '' AS amname
FROM duckdb_views()
WHERE view_oid = $1::BIGINT

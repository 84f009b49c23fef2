-- What psql's \dn lists: the schema of the views and macros.
SELECT 'main' AS "Name", 'headwater' AS "Owner"

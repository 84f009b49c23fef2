-- What psql's \du lists: nobody can change anything here. psql reads the columns by their place.
SELECT 'headwater' AS rolname, false AS rolsuper, false AS rolinherit, false AS rolcreaterole, false AS rolcreatedb,
       true AS rolcanlogin, -1 AS rolconnlimit, CAST(NULL AS VARCHAR) AS rolvaliduntil, '{}' AS memberof,
       '' AS description, '' AS rolreplication, '' AS rolbypassrls

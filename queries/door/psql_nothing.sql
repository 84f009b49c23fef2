-- What psql is told about things that are not here: extensions, table spaces, policies and the like.
SELECT '' AS "Name" WHERE false

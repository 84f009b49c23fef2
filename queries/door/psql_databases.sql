-- What psql's \l lists: the one database that there is.
SELECT 'headwater' AS "Name", 'headwater' AS "Owner", 'UTF8' AS "Encoding", 'C' AS "Collate", 'C' AS "Ctype",
       CAST(NULL AS VARCHAR) AS "ICU Locale", 'libc' AS "Locale Provider", CAST(NULL AS VARCHAR) AS "Access privileges"

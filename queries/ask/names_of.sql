SELECT 'type' AS what, CAST(f.profile AS BIGINT) AS number, f.type AS name, NULL AS cluster, 0 AS partition, 0 AS base
FROM profile f
WHERE f.type IS NOT NULL AND f.profile IN (SELECT CAST(unnest(string_split($1, ',')) AS INTEGER))
UNION ALL
SELECT 'place', CAST(p.ordinal AS BIGINT), p.topic, p.cluster, p.partition, p.base
FROM partition p
WHERE p.ordinal IN (SELECT CAST(unnest(string_split($2, ',')) AS INTEGER));

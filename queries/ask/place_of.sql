-- Where a ref lies, whether its event was seen or not.
SELECT p.cluster, p.topic, p.partition, p.base + (CAST($1 AS BIGINT) & 1099511627775) AS "offset"
FROM partition p
WHERE p.ordinal = CAST($1 AS BIGINT) >> 40;

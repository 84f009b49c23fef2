-- The schemas that Grafana's query builder offers.
SELECT 'main' AS "name"

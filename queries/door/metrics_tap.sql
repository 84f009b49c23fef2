-- The tap's own numbers, for /metrics.
SELECT name, value FROM tap ORDER BY name;

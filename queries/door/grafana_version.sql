-- Which PostgreSQL Grafana shall write for, in hundreds.
SELECT 1500 AS version

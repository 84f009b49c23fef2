WITH edge AS (
    SELECT unnest([
        1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000,
        10_000, 15_000, 20_000, 30_000, 45_000, 60_000, 90_000, 120_000, 180_000, 300_000, 420_000, 600_000, 900_000,
        1_200_000, 1_800_000, 2_700_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 43_200_000, 86_400_000,
        172_800_000, 345_600_000, 604_800_000, 9_223_372_036_854_775_807
    ]) AS upto_ms
),
timed AS (
    SELECT c.flow, (SELECT min(e.upto_ms) FROM edge e WHERE e.upto_ms >= c.took_ms) AS upto_ms
    FROM business_cases(flow := $1, since := $2, until := $3) c
    WHERE c.state = 'completed'
),
counted AS (
    SELECT t.flow, t.upto_ms, count(*) AS cases FROM timed t GROUP BY t.flow, t.upto_ms
),
-- Bins without a case lie between those with some: the scale has no holes.
held AS (
    SELECT c.flow, min(c.upto_ms) AS first_ms, max(c.upto_ms) AS last_ms FROM counted c GROUP BY c.flow
)
SELECT h.flow, CAST(e.upto_ms AS BIGINT) AS upto_ms, coalesce(c.cases, 0) AS cases
FROM held h
JOIN edge e ON e.upto_ms BETWEEN h.first_ms AND h.last_ms
LEFT JOIN counted c ON c.flow = h.flow AND c.upto_ms = e.upto_ms
ORDER BY h.flow, e.upto_ms;

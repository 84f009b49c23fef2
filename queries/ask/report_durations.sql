WITH bin AS (
    SELECT unnest([
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000, 300_000, 600_000,
        1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000,
        9_223_372_036_854_775_807
    ]) AS upto_ms
),
timed AS (
    SELECT c.flow, greatest(c.took_ms, 1) AS took_ms
    FROM business_cases(flow := $1, since := $2, until := $3) c
    WHERE c.state = 'completed'
)
SELECT t.flow, CAST(b.upto_ms AS BIGINT) AS upto_ms, count(*) AS cases
FROM timed t
ASOF JOIN bin b ON t.took_ms <= b.upto_ms
GROUP BY t.flow, b.upto_ms
ORDER BY t.flow, b.upto_ms;

CREATE OR REPLACE MACRO business(flow := NULL, since := NULL, until := NULL) AS TABLE
SELECT
    b.flow,
    count(c.ref) AS started,
    count(c.ref) FILTER (WHERE c.state = 'completed') AS completed,
    count(c.ref) FILTER (WHERE c.state = 'failed') AS failed,
    count(c.ref) FILTER (WHERE c.state = 'stuck') AS stuck,
    count(c.ref) FILTER (WHERE c.state = 'open') AS open,
    CASE
        WHEN count(c.ref) > 0 THEN count(c.ref) FILTER (WHERE c.state = 'completed') / count(c.ref)
    END AS completed_share,
    quantile_cont(CAST(c.took_ms AS DOUBLE), 0.5) FILTER (WHERE c.state = 'completed') AS p50_ms,
    quantile_cont(CAST(c.took_ms AS DOUBLE), 0.95) FILTER (WHERE c.state = 'completed') AS p95_ms,
    CAST(NULL AS DOUBLE) AS value_lost,
    any_value(t.coverage) AS coverage
FROM business_flow_row b
CROSS JOIN totals() t
LEFT JOIN business_cases(flow := flow, since := since, until := until) c ON c.flow = b.flow
WHERE flow IS NULL OR b.flow = flow
GROUP BY b.flow
ORDER BY b.flow;

COMMENT ON MACRO TABLE business IS 'Business flows in a window, one row each, also where nothing started. flow: only this one; since, until: whole minutes by the time the tap saw the starting event (UTC; since is rounded down, until up and left out). Columns: flow, started, completed, failed, stuck, open (each started one is one of the four), completed_share (completed in proportion to started; NULL when none started), p50_ms and p95_ms (from start to completion, by the events'' own times), value_lost (NULL: no business value is read), coverage (of everything that is read, since reading began).';

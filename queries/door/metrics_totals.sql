-- The headline's gauges, for /metrics.
SELECT orphaned_failures, waiting FROM totals();

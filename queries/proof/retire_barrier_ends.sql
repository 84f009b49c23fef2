-- Ends that no barrier since $1 is read from, at most $2: those that a later one replaces for all of them.
DELETE FROM barrier_end_row
WHERE rowid IN (
    SELECT e.number
    FROM (
        SELECT r.rowid AS number, lead(r.barrier) OVER (PARTITION BY r.ordinal ORDER BY r.barrier) AS next_barrier
        FROM barrier_end_row r
    ) e
    WHERE e.next_barrier <= (
        SELECT coalesce(min(b.barrier), 9223372036854775807) FROM barrier_row b WHERE b.passed_at >= $1
    )
    LIMIT $2
);

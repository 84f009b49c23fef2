-- The events that carry one of the ids whose halves are $1 and $2, written between commas in the same order: of each id the one
-- that answers for it, which is never a copy.
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT
        CAST(unnest(string_split($1, ',')) AS BIGINT) AS hi,
        CAST(unnest(string_split($2, ',')) AS BIGINT) AS lo
    LIMIT 100000
),
place AS MATERIALIZED (
    FROM (
        SELECT i.slice
        FROM (SELECT id_hash(w.hi, w.lo) AS value_hash FROM wanted w) h
        JOIN id_slice i ON i.bucket = hash_bucket(h.value_hash)
        WHERE contains(i.codes, hash_code(h.value_hash))
        UNION
        SELECT open_slice()
    )
    LIMIT 100000
)
SELECT e.id_hi, e.id_lo, e.ref, e.conversation
FROM event_row e
JOIN wanted w ON w.hi = e.id_hi AND w.lo = e.id_lo
WHERE e.slice IN (FROM place) AND e.kind NOT IN (3, 4)
QUALIFY row_number() OVER (PARTITION BY e.id_hi, e.id_lo ORDER BY coalesce(e.record_time, e.time), e.ref) = 1;

-- The commands that carry one of the correlation ids whose halves are $1 and $2, written between commas in the same order: of
-- each id the first. A correlation id that repeats another id of its event is kept as that one.
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
),
request AS (
    SELECT
        e.ref,
        e.conversation,
        coalesce(e.record_time, e.time) AS record_time,
        CASE (e.form >> 7) & 3 WHEN 1 THEN e.id_hi WHEN 2 THEN e.causation_hi WHEN 3 THEN e.trace_hi ELSE e.correlation_hi END
            AS hi,
        CASE (e.form >> 7) & 3 WHEN 1 THEN e.id_lo WHEN 2 THEN e.causation_lo WHEN 3 THEN e.trace_lo ELSE e.correlation_lo END
            AS lo
    FROM event_row e
    WHERE e.slice IN (FROM place) AND e.kind = 1
)
SELECT r.hi, r.lo, r.ref, r.conversation
FROM request r
JOIN wanted w ON w.hi = r.hi AND w.lo = r.lo
QUALIFY row_number() OVER (PARTITION BY r.hi, r.lo ORDER BY r.record_time, r.ref) = 1;

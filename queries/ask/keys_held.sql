-- Which of the keyed hashes $1, written between commas, any event may have as its key.
WITH wanted AS MATERIALIZED (
    SELECT k.hash, id_hash(k.hash, 0) AS value_hash
    FROM (SELECT CAST(unnest(string_split($1, ',')) AS BIGINT) AS hash LIMIT 100000) k
)
SELECT w.hash
FROM id_slice i
JOIN wanted w ON i.bucket = hash_bucket(w.value_hash)
WHERE contains(i.codes, key_code(w.value_hash))
UNION
SELECT e.key_hash FROM event_row e WHERE e.slice = open_slice() AND e.key_hash IN (SELECT w.hash FROM wanted w);

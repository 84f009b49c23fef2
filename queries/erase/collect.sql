-- The records of a key, their ids, and the words that must not stay with other records.
CREATE OR REPLACE TEMP TABLE erased AS
SELECT e.ref, e.id_hi, e.id_lo
FROM event_row e
WHERE e.key_hash IN (SELECT CAST(unnest(string_split({hashes}, ',')) AS BIGINT));

-- Their ids, as other records name them: as cause, or as the id of the business flow.
CREATE OR REPLACE TEMP TABLE erased_id AS
SELECT DISTINCT id_hi AS hi, id_lo AS lo FROM erased WHERE id_hi IS NOT NULL;

-- Failures of them: the dead letter may have another key.
CREATE OR REPLACE TEMP TABLE erased_failure AS
SELECT f.ref
FROM failure_row f
WHERE f.ref IN (SELECT ref FROM erased) OR f.origin IN (SELECT ref FROM erased);

CREATE OR REPLACE TEMP TABLE erased_name AS
SELECT e.ref
FROM event_row e
WHERE e.ref NOT IN (SELECT ref FROM erased)
    AND (
        (e.causation_hi, e.causation_lo) IN (SELECT (hi, lo) FROM erased_id)
        OR (e.correlation_hi, e.correlation_lo) IN (SELECT (hi, lo) FROM erased_id)
        OR e.causation_text = {value}
        OR e.correlation_text = {value}
    );

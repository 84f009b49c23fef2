-- Chooses the record that counts for each of the staged failures.
UPDATE failure_row SET case_marks = c.case_marks, case_letter = c.case_letter
FROM (
    SELECT
        f.rowid AS place,
        CASE WHEN row_number() OVER first_of = 1 THEN
            bit_or(f.marks) OVER whole
            | CASE WHEN min(f.ref >> 40) FILTER (WHERE f.marks >= 8) OVER whole
                <> max(f.ref >> 40) FILTER (WHERE f.marks >= 8) OVER whole THEN 32 ELSE 0 END
            | CASE WHEN count(*) OVER whole = 1 THEN 64 ELSE 0 END
        END AS case_marks,
        CASE WHEN row_number() OVER first_of = 1 THEN max(f.ref) FILTER (WHERE f.marks >= 8) OVER whole END AS case_letter
    FROM failure_row f
    WHERE f.failure_case IN (FROM case_stage)
    WINDOW
        whole AS (PARTITION BY f.failure_case),
        first_of AS (PARTITION BY f.failure_case ORDER BY f.counted_profile IS NULL, f.counted_minute, f.seen_time, f.ref)
) c
WHERE failure_row.rowid = c.place;

DELETE FROM case_stage;

CREATE OR REPLACE MACRO blast_of(signature) AS TABLE
FROM blast_rows(failures_like(signature));

COMMENT ON MACRO TABLE blast_of IS 'What hangs on the failures of a signature, the latest 1000 of them: rows and the columns of macro blast.';

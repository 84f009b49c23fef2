DELETE FROM coverage_row WHERE ordinal IN (SELECT s.ordinal FROM coverage_stage s);

INSERT INTO coverage_row FROM coverage_stage;

DELETE FROM coverage_stage;

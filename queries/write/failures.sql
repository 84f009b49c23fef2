DELETE FROM failure_row WHERE ref IN (SELECT s.ref FROM failure_stage s);

INSERT INTO failure_row FROM failure_stage;

DELETE FROM failure_stage;

DELETE FROM counter WHERE name IN (SELECT s.name FROM counter_stage s);

INSERT INTO counter FROM counter_stage;

DELETE FROM counter_stage;

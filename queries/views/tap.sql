CREATE OR REPLACE VIEW tap AS
SELECT name, CASE WHEN value >= 0 THEN value END AS value FROM counter;

COMMENT ON VIEW tap IS 'The tap''s own health, one row a counter.';
COMMENT ON COLUMN tap.name IS 'Name of the counter.';
COMMENT ON COLUMN tap.value IS 'Its value since the database was made, or now; NULL = not known.';

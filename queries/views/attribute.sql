CREATE OR REPLACE VIEW attribute AS
SELECT ref, name, text, number FROM attribute_row;

COMMENT ON VIEW attribute IS 'Facts of an event beyond its envelope: schema id, claim check, publish delay, configured business fields.';
COMMENT ON COLUMN attribute.ref IS 'The event.';
COMMENT ON COLUMN attribute.name IS 'Name of the fact.';
COMMENT ON COLUMN attribute.text IS 'Its value as text; NULL where it is a number.';
COMMENT ON COLUMN attribute.number IS 'Its value as a number; NULL where it is text.';

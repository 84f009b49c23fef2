-- Every event, settled or waiting, with base columns only: filter here, on values that zone maps know.
CREATE OR REPLACE VIEW any_event AS
SELECT * FROM event_row
UNION ALL
SELECT * FROM pending_row;

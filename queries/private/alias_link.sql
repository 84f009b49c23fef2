-- Conversation aliases, readable in both directions.
CREATE OR REPLACE VIEW alias_link AS
SELECT old_id AS id, current_id AS other FROM alias_row
UNION ALL
SELECT current_id AS id, old_id AS other FROM alias_row;

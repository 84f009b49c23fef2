INSERT INTO event_row
SELECT p.* REPLACE (s.resolution AS resolution, s.orphan_reason AS orphan_reason, s.conversation AS conversation)
FROM pending_row p
JOIN settled_stage s ON s.ref = p.ref;

DELETE FROM pending_row WHERE ref IN (SELECT s.ref FROM settled_stage s);

DELETE FROM settled_stage;

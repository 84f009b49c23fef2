-- Counts by minute, topics, read positions and the lists of slices stay as they are: a slice that is looked into for
-- nothing does no harm. A file that is left in the middle of this is known by
-- its note, and written anew the next time.
DELETE FROM meta WHERE name = 'erasing';
INSERT INTO meta VALUES ('erasing', '');

DELETE FROM event_row WHERE ref IN (SELECT ref FROM erased);
DELETE FROM orphan_row WHERE ref IN (SELECT ref FROM erased);
DELETE FROM pending_row WHERE ref IN (SELECT ref FROM erased);
DELETE FROM cause_row WHERE effect IN (SELECT ref FROM erased) OR cause IN (SELECT ref FROM erased);
-- Failures of which a record goes are counted anew when the file is opened.
UPDATE failure_row SET case_marks = NULL, case_letter = NULL
WHERE failure_case IN (SELECT f.failure_case FROM failure_row f WHERE f.ref IN (SELECT ref FROM erased_failure));
DELETE FROM failure_row WHERE ref IN (SELECT ref FROM erased_failure);
DELETE FROM failure_history_row WHERE ref IN (SELECT ref FROM erased_failure);
DELETE FROM verdict_row WHERE ref IN (SELECT ref FROM erased);
DELETE FROM attribute_row WHERE ref IN (SELECT ref FROM erased);
DELETE FROM outbox_event WHERE ref IN (SELECT ref FROM erased);
DELETE FROM outbox_link WHERE ref IN (SELECT ref FROM erased) OR cause IN (SELECT ref FROM erased);
DELETE FROM outbox_held WHERE ref IN (SELECT ref FROM erased);
DELETE FROM outbox_edge WHERE effect IN (SELECT ref FROM erased) OR cause IN (SELECT ref FROM erased);

UPDATE event_row SET cause = NULL, evidence = NULL WHERE cause IN (SELECT ref FROM erased);
UPDATE failure_row SET root = NULL, root_profile = NULL WHERE root IN (SELECT ref FROM erased);
UPDATE failure_row SET healed_by = NULL WHERE healed_by IN (SELECT ref FROM erased);
UPDATE failure_history_row SET healed_by = NULL WHERE healed_by IN (SELECT ref FROM erased);
UPDATE outbox_event SET parent = NULL WHERE parent IN (SELECT ref FROM erased);
UPDATE outbox_held SET cause = NULL WHERE cause IN (SELECT ref FROM erased);

UPDATE event_row SET causation_hi = NULL, causation_lo = NULL, causation_text = NULL
WHERE ref IN (SELECT ref FROM erased_name)
    AND ((causation_hi, causation_lo) IN (SELECT (hi, lo) FROM erased_id) OR causation_text = {value});
UPDATE event_row SET correlation_hi = NULL, correlation_lo = NULL, correlation_text = NULL
WHERE ref IN (SELECT ref FROM erased_name)
    AND ((correlation_hi, correlation_lo) IN (SELECT (hi, lo) FROM erased_id) OR correlation_text = {value});

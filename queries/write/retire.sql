-- Deletes the staged slice, with all that only its events need.
INSERT INTO deleted_stage
SELECT CAST(e.ref >> 40 AS INTEGER), min(e.ref), max(e.ref), count(*), min(e.seen_time), max(e.seen_time)
FROM event_row e
WHERE e.slice IN (FROM retired_stage)
GROUP BY e.ref >> 40;

UPDATE deleted_row SET
    first_ref = least(deleted_row.first_ref, s.first_ref),
    last_ref = greatest(deleted_row.last_ref, s.last_ref),
    events = deleted_row.events + s.events,
    first_seen = least(deleted_row.first_seen, s.first_seen),
    last_seen = greatest(deleted_row.last_seen, s.last_seen)
FROM deleted_stage s
WHERE deleted_row.ordinal = s.ordinal;

INSERT INTO deleted_row
SELECT s.* FROM deleted_stage s ANTI JOIN deleted_row d ON d.ordinal = s.ordinal;

DELETE FROM deleted_stage;

-- Failures stay, and say with which type they began.
UPDATE failure_row SET root_profile = e.profile
FROM event_row e
WHERE e.slice IN (FROM retired_stage) AND failure_row.root_profile IS NULL AND e.ref = failure_row.root;

DELETE FROM cause_row
WHERE effect IN (SELECT e.ref FROM event_row e WHERE e.slice IN (FROM retired_stage));

DELETE FROM verdict_row
WHERE ref IN (SELECT e.ref FROM event_row e WHERE e.slice IN (FROM retired_stage));

DELETE FROM attribute_row
WHERE ref IN (SELECT e.ref FROM event_row e WHERE e.slice IN (FROM retired_stage));

DELETE FROM outbox_edge
WHERE effect IN (SELECT e.ref FROM event_row e WHERE e.slice IN (FROM retired_stage));

DELETE FROM outbox_held
WHERE ref IN (SELECT e.ref FROM event_row e WHERE e.slice IN (FROM retired_stage));

DELETE FROM event_row WHERE slice IN (FROM retired_stage);

DELETE FROM orphan_row WHERE slice IN (FROM retired_stage);

DELETE FROM id_slice WHERE slice IN (FROM retired_stage);

DELETE FROM slice_range WHERE slice IN (FROM retired_stage);

UPDATE slice_row SET events = 0 WHERE slice IN (FROM retired_stage);

DELETE FROM slice_row WHERE events = 0 AND slice < (SELECT max(s.slice) FROM slice_row s);

DELETE FROM retired_stage;

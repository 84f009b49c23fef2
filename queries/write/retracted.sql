UPDATE event_row SET
    resolution = s.resolution,
    orphan_reason = s.orphan_reason,
    conversation = s.conversation
FROM retracted_stage s
WHERE event_row.ref = s.ref;

DELETE FROM retracted_stage;

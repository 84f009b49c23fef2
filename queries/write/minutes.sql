UPDATE minute_row SET
    received = minute_row.received + s.received,
    retried = minute_row.retried + s.retried,
    roots = minute_row.roots + s.roots,
    caused = minute_row.caused + s.caused,
    inferred = minute_row.inferred + s.inferred,
    unlinked = minute_row.unlinked + s.unlinked,
    waiting = minute_row.waiting + s.waiting,
    orphaned = minute_row.orphaned + s.orphaned,
    first_seen = least(minute_row.first_seen, s.first_seen),
    last_seen = greatest(minute_row.last_seen, s.last_seen)
FROM minute_change s
WHERE minute_row.minute = s.minute AND minute_row.topic_number = s.topic_number AND minute_row.profile = s.profile;

INSERT INTO minute_row
SELECT s.*
FROM minute_change s
ANTI JOIN minute_row r ON r.minute = s.minute AND r.topic_number = s.topic_number AND r.profile = s.profile;

UPDATE hour_row SET
    received = hour_row.received + s.received,
    retried = hour_row.retried + s.retried,
    roots = hour_row.roots + s.roots,
    caused = hour_row.caused + s.caused,
    inferred = hour_row.inferred + s.inferred,
    unlinked = hour_row.unlinked + s.unlinked,
    waiting = hour_row.waiting + s.waiting,
    orphaned = hour_row.orphaned + s.orphaned,
    first_seen = least(hour_row.first_seen, s.first_seen),
    last_seen = greatest(hour_row.last_seen, s.last_seen)
FROM hour_change s
WHERE hour_row.hour = s.hour AND hour_row.topic_number = s.topic_number AND hour_row.profile = s.profile;

INSERT INTO hour_row
SELECT s.*
FROM hour_change s
ANTI JOIN hour_row r ON r.hour = s.hour AND r.topic_number = s.topic_number AND r.profile = s.profile;

DELETE FROM minute_stage;

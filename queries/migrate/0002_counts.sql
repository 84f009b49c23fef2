CREATE TABLE minute_row (
    minute       TIMESTAMP NOT NULL,
    topic_number INTEGER NOT NULL,
    profile      INTEGER NOT NULL,
    received     BIGINT NOT NULL,
    retried      BIGINT NOT NULL,
    roots        BIGINT NOT NULL,
    caused       BIGINT NOT NULL,
    inferred     BIGINT NOT NULL,
    unlinked     BIGINT NOT NULL,
    waiting      BIGINT NOT NULL,
    orphaned     BIGINT NOT NULL,
    first_seen   TIMESTAMP NOT NULL,
    last_seen    TIMESTAMP NOT NULL
);

CREATE TABLE passed_row (
    minute         TIMESTAMP NOT NULL,
    consumer_group VARCHAR NOT NULL,
    topic_number   INTEGER NOT NULL,
    profile        INTEGER NOT NULL,
    passed         BIGINT NOT NULL
);

CREATE TABLE passed_to_row (
    consumer_group VARCHAR NOT NULL,
    ordinal        INTEGER NOT NULL,
    passed_to      BIGINT NOT NULL
);

CREATE TABLE business_flow_row (
    flow         VARCHAR NOT NULL,
    started_by   VARCHAR NOT NULL,
    completed_by VARCHAR NOT NULL,
    within_ms    BIGINT NOT NULL
);

ALTER TABLE failure_row ADD COLUMN seen_time TIMESTAMP;
ALTER TABLE failure_row ADD COLUMN counted_minute TIMESTAMP;
ALTER TABLE failure_row ADD COLUMN counted_profile INTEGER;

-- What earlier versions wrote is counted once.
CREATE TEMP VIEW written AS
SELECT e.ref, e.seen_time, e.kind, e.resolution, e.profile FROM event_row e
UNION ALL
SELECT p.ref, p.seen_time, p.kind, p.resolution, p.profile FROM pending_row p;

INSERT INTO minute_row
SELECT
    date_trunc('minute', e.seen_time),
    p.topic_number,
    e.profile,
    count(*),
    count(*) FILTER (WHERE e.kind = 3),
    count(*) FILTER (WHERE e.resolution = 0),
    count(*) FILTER (WHERE e.resolution = 1),
    count(*) FILTER (WHERE e.resolution = 2),
    count(*) FILTER (WHERE e.resolution = 3),
    count(*) FILTER (WHERE e.resolution = 4),
    count(*) FILTER (WHERE e.resolution = 5),
    min(e.seen_time),
    max(e.seen_time)
FROM written e
JOIN partition p ON p.ordinal = e.ref >> 40
GROUP BY ALL;

INSERT INTO passed_to_row
SELECT r.consumer_group, r.ordinal, least(r.committed_offset, c.next_offset)
FROM progress_row r
JOIN coverage_row c ON c.ordinal = r.ordinal AND c.reason IS NULL
WHERE r.committed_offset > c.first_offset;

INSERT INTO passed_row
SELECT date_trunc('minute', e.seen_time), t.consumer_group, p.topic_number, e.profile, count(*)
FROM written e
JOIN passed_to_row t ON t.ordinal = e.ref >> 40
JOIN partition p ON p.ordinal = t.ordinal
WHERE p.base + (e.ref & 1099511627775) < t.passed_to
GROUP BY ALL;

UPDATE failure_row SET seen_time = e.seen_time, counted_minute = date_trunc('minute', e.seen_time)
FROM written e
WHERE e.ref = failure_row.ref;

UPDATE failure_row SET counted_minute = date_trunc('minute', e.seen_time), counted_profile = e.profile
FROM written e
WHERE e.ref = failure_row.origin;

DROP VIEW written;

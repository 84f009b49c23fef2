-- From schema version 5: hours above the minutes, failures by numbers, orphans and edges between topics by themselves.
CREATE TABLE hour_row (
    hour         TIMESTAMP NOT NULL,
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

CREATE TABLE passed_hour_row (
    hour           TIMESTAMP NOT NULL,
    consumer_group VARCHAR NOT NULL,
    topic_number   INTEGER NOT NULL,
    profile        INTEGER NOT NULL,
    passed         BIGINT NOT NULL,
    first_minute   TIMESTAMP NOT NULL
);

INSERT INTO hour_row
SELECT
    date_trunc('hour', minute),
    topic_number,
    profile,
    sum(received),
    sum(retried),
    sum(roots),
    sum(caused),
    sum(inferred),
    sum(unlinked),
    sum(waiting),
    sum(orphaned),
    min(first_seen),
    max(last_seen)
FROM minute_row
GROUP BY ALL
ORDER BY 1;

INSERT INTO passed_hour_row
SELECT date_trunc('hour', minute), consumer_group, topic_number, profile, sum(passed), min(minute)
FROM passed_row
GROUP BY ALL
ORDER BY 1;

CREATE TABLE numbered_row (
    ref               BIGINT NOT NULL,
    kind              VARCHAR NOT NULL,
    state             VARCHAR NOT NULL,
    origin            BIGINT,
    origin_evidence   TINYINT,
    origin_confidence FLOAT,
    origin_topic      VARCHAR,
    origin_partition  INTEGER,
    origin_offset     BIGINT,
    root              BIGINT,
    consumer_group    VARCHAR,
    attempt           INTEGER,
    error_class       VARCHAR,
    error_message     VARCHAR,
    signature         VARCHAR NOT NULL,
    time              TIMESTAMP NOT NULL,
    orphan_reason     TINYINT,
    healed_by         BIGINT,
    seen_time         TIMESTAMP,
    counted_minute    TIMESTAMP,
    counted_profile   INTEGER,
    root_profile      INTEGER,
    failure_kind      BIGINT,
    failure_case      BIGINT,
    counted_topic     INTEGER,
    marks             TINYINT,
    case_marks        TINYINT,
    case_letter       BIGINT
);

INSERT INTO numbered_row
SELECT
    f.*,
    NULL,
    CAST(md5_number_lower(f.signature || chr(31) || coalesce('g' || f.consumer_group, '')) >> 1 AS BIGINT),
    CAST(md5_number_lower(coalesce('g' || f.consumer_group, '') || chr(31) || CASE
        WHEN f.origin IS NOT NULL THEN CAST(f.origin AS VARCHAR)
        WHEN f.origin_offset IS NULL OR f.origin_topic IS NULL OR f.origin_partition IS NULL THEN 'r' || f.ref
        ELSE concat_ws('/', p.cluster, f.origin_topic, f.origin_partition, f.origin_offset) END) >> 1 AS BIGINT),
    CASE WHEN f.origin_topic IS NULL AND o.topic_number IS NULL THEN p.topic_number ELSE o.topic_number END,
    CAST(CASE f.state WHEN 'healed' THEN 1 WHEN 'dead' THEN 2 ELSE 0 END
        + CASE WHEN f.orphan_reason IS NULL THEN 0 ELSE 4 END
        + CASE WHEN f.kind = 'dead_letter' AND f.state <> 'healed' THEN 8 ELSE 0 END AS TINYINT),
    NULL,
    NULL
FROM failure_row f
JOIN partition p ON p.ordinal = f.ref >> 40
LEFT JOIN partition o ON o.ordinal = f.origin >> 40
ORDER BY f.rowid;

UPDATE numbered_row SET case_marks = c.case_marks, case_letter = c.case_letter
FROM (
    SELECT
        f.rowid AS place,
        CASE WHEN row_number() OVER first_of = 1 THEN
            bit_or(f.marks) OVER whole
            | CASE WHEN min(f.ref >> 40) FILTER (WHERE f.marks >= 8) OVER whole
                <> max(f.ref >> 40) FILTER (WHERE f.marks >= 8) OVER whole THEN 32 ELSE 0 END
            | CASE WHEN count(*) OVER whole = 1 THEN 64 ELSE 0 END
        END AS case_marks,
        CASE WHEN row_number() OVER first_of = 1 THEN max(f.ref) FILTER (WHERE f.marks >= 8) OVER whole END AS case_letter
    FROM numbered_row f
    WINDOW
        whole AS (PARTITION BY f.failure_case),
        first_of AS (PARTITION BY f.failure_case ORDER BY f.counted_profile IS NULL, f.counted_minute, f.seen_time, f.ref)
) c
WHERE numbered_row.rowid = c.place;

UPDATE numbered_row SET root_profile = e.profile FROM event_row e WHERE e.ref = numbered_row.root;
UPDATE numbered_row SET root_profile = r.profile FROM root_row r WHERE r.ref = numbered_row.root;
DROP TABLE root_row;

DROP TABLE failure_row;
ALTER TABLE numbered_row RENAME TO failure_row;

CREATE TABLE orphan_row (
    slice         INTEGER NOT NULL,
    ref           BIGINT NOT NULL,
    time          TIMESTAMP NOT NULL,
    kind          TINYINT NOT NULL,
    resolution    TINYINT NOT NULL,
    orphan_reason TINYINT,
    form          SMALLINT NOT NULL,
    profile       INTEGER NOT NULL,
    conversation  BIGINT NOT NULL,
    id_hi         BIGINT,
    id_lo         BIGINT,
    id_text       VARCHAR
);

INSERT INTO orphan_row
SELECT e.slice, e.ref, e.time, e.kind, e.resolution, e.orphan_reason, e.form, e.profile,
    e.conversation, e.id_hi, e.id_lo, e.id_text
FROM event_row e
WHERE e.resolution = 5 OR e.ref IN (SELECT f.ref FROM failure_row f WHERE f.orphan_reason IS NOT NULL);

CREATE TABLE topic_flow_row (
    from_topic INTEGER NOT NULL,
    to_topic   INTEGER NOT NULL,
    evidence   TINYINT NOT NULL,
    events     BIGINT NOT NULL
);

INSERT INTO topic_flow_row
SELECT f.topic_number, t.topic_number, c.evidence, count(*)
FROM (
    SELECT cause, ref AS effect, evidence FROM event_row WHERE cause IS NOT NULL
    UNION ALL
    SELECT cause, effect, evidence FROM cause_row
) c
JOIN partition f ON f.ordinal = c.cause >> 40
JOIN partition t ON t.ordinal = c.effect >> 40
GROUP BY ALL;

DROP VIEW IF EXISTS counted_failure;
DROP VIEW IF EXISTS failure_record;

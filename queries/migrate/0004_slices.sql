-- From schema version 3. Events that wait go where all events are, edges go into the rows of their effects, and slices say
-- where to look.
CREATE TABLE slice_row (
    slice      INTEGER NOT NULL,
    events     BIGINT NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen  TIMESTAMP NOT NULL
);

CREATE TABLE slice_range (
    slice     INTEGER NOT NULL,
    ordinal   INTEGER NOT NULL,
    first_ref BIGINT NOT NULL,
    last_ref  BIGINT NOT NULL
);

CREATE TABLE id_slice (
    slice  INTEGER NOT NULL,
    bucket SMALLINT NOT NULL,
    codes  VARCHAR NOT NULL USING COMPRESSION uncompressed
);

CREATE TABLE sliced_row (
    slice            INTEGER NOT NULL,
    ref              BIGINT NOT NULL,
    time             TIMESTAMP NOT NULL,
    record_time      TIMESTAMP,
    seen_time        TIMESTAMP NOT NULL,
    kind             TINYINT NOT NULL,
    resolution       TINYINT NOT NULL,
    orphan_reason    TINYINT,
    form             SMALLINT NOT NULL,
    profile          INTEGER NOT NULL,
    producer         INTEGER,
    key_hash         BIGINT,
    conversation     BIGINT NOT NULL,
    key_bytes        INTEGER NOT NULL,
    value_bytes      INTEGER NOT NULL,
    id_hi            BIGINT,
    id_lo            BIGINT,
    id_text          VARCHAR,
    causation_hi     BIGINT,
    causation_lo     BIGINT,
    causation_text   VARCHAR,
    correlation_hi   BIGINT,
    correlation_lo   BIGINT,
    correlation_text VARCHAR,
    trace_hi         BIGINT,
    trace_lo         BIGINT,
    span             BIGINT,
    cause            BIGINT,
    evidence         TINYINT
);

-- The first certain edge of each event.
CREATE TEMP TABLE first_cause AS
SELECT effect, min(rowid) AS edge FROM cause_row WHERE evidence <> 7 AND confidence = 1.0 GROUP BY effect;

INSERT INTO sliced_row
SELECT e.rowid // 1048576, e.*, c.cause, c.evidence
FROM event_row e
LEFT JOIN first_cause f ON f.effect = e.ref
LEFT JOIN cause_row c ON c.rowid = f.edge
ORDER BY e.rowid;

INSERT INTO sliced_row
SELECT (SELECT coalesce(max(slice), 0) FROM sliced_row), p.*, NULL, NULL FROM pending_row p;

CREATE TABLE waiting_row (
    ref       BIGINT NOT NULL,
    slice     INTEGER NOT NULL,
    seen_time TIMESTAMP NOT NULL
);

INSERT INTO waiting_row SELECT ref, slice, seen_time FROM sliced_row WHERE resolution = 4;

DELETE FROM cause_row WHERE rowid IN (SELECT f.edge FROM first_cause f);

DROP TABLE first_cause;
DROP VIEW IF EXISTS named_event;
DROP VIEW IF EXISTS any_event;
DROP TABLE event_row;
DROP TABLE pending_row;
ALTER TABLE sliced_row RENAME TO event_row;
ALTER TABLE waiting_row RENAME TO pending_row;

-- The last slice stays open.
INSERT INTO slice_row
SELECT slice, count(*), min(seen_time), max(seen_time)
FROM event_row
WHERE slice < (SELECT max(slice) FROM event_row)
GROUP BY slice
ORDER BY slice;

INSERT INTO slice_range
SELECT slice, ref >> 40, min(ref), max(ref)
FROM event_row
WHERE slice < (SELECT max(slice) FROM event_row)
GROUP BY slice, ref >> 40
ORDER BY ALL;

INSERT INTO id_slice
SELECT
    h.slice,
    CAST(h.value_hash >> 23 AS SMALLINT) AS bucket,
    string_agg(
        chr(CAST(32 + ((h.value_hash >> 18) & 31) AS INTEGER))
        || chr(CAST(64 + ((h.value_hash >> 12) & 63) AS INTEGER))
        || chr(CAST(64 + ((h.value_hash >> 6) & 63) AS INTEGER))
        || CASE WHEN h.is_key THEN chr(CAST(64 + (h.value_hash & 63) AS INTEGER)) ELSE '' END,
        ''
    )
FROM (
    SELECT DISTINCT
        e.slice,
        v.is_key,
        CAST(
            ((CAST(xor(v.hi, v.lo) & 9223372036854775807 AS HUGEINT) * 5871781006564002453) >> 36) & 68719476735 AS BIGINT
        ) AS value_hash
    FROM event_row e, unnest([
        {'hi': e.conversation, 'lo': 0, 'is_key': false},
        {'hi': e.key_hash, 'lo': 0, 'is_key': true},
        {'hi': e.id_hi, 'lo': e.id_lo, 'is_key': false},
        {'hi': e.causation_hi, 'lo': e.causation_lo, 'is_key': false},
        {'hi': e.correlation_hi, 'lo': e.correlation_lo, 'is_key': false},
        {'hi': e.trace_hi, 'lo': e.trace_lo, 'is_key': false}
    ]) u(v)
    WHERE v.hi IS NOT NULL AND e.slice < (SELECT max(slice) FROM event_row)
) h
GROUP BY h.slice, bucket
ORDER BY h.slice, bucket;

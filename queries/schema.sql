-- The tables behind the public views, schema version 9. This file is what to read; `migrate/` is what runs, and a test
-- holds the two together. Tables are private: dashboards, the terminal UI and people use the views in `views/` and the
-- macros in `reports/`.
--
-- Layout, and why:
-- * `event_row` holds narrow numbers only. Text that repeats lives in dictionaries (`partition`, `profile`,
--   `producer_row`); ids of 128 bits are two BIGINTs, with the text beside them only where it is not its own value. A
--   VARCHAR column costs 0.17 to 0.45 µs a row, an integer 0.02 to 0.05.
-- * Each row says all about its event, down to its cause, so that no question joins 100 million rows with 100 million
--   others. Names come from lists in macros (`profile_type` and others) and not from joins: DuckDB reads the newest rows
--   first, and counts without reading, only where a view is one scan.
-- * `ref` is `ordinal << 40 | (offset - base)`: topic, partition and offset are arithmetic plus `partition`.
-- * No PRIMARY KEY, UNIQUE or index on event-sized tables: an ART costs more than everything else together. The core
--   never writes an offset twice, because coverage stands in the same transaction. Time is found by zone maps; a random
--   value by its slice (`slice_row`, `slice_range`, `id_slice`): a run of about a million events.
-- * Read positions are `coverage_row.next_offset`: rows and positions stand or fall together.

-- One row a fact about this file: `schema_version`, `id_key` (key of the id hashes, hexadecimal), `created`, `commits`
-- (how many were written: tells whether one that failed in its last step is there).
CREATE TABLE meta (
    name  VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);

-- What an ordinal stands for. Past 2^40 records a partition gets its next ordinal, with the next base.
CREATE TABLE partition (
    ordinal      INTEGER PRIMARY KEY,
    cluster      VARCHAR NOT NULL,
    topic        VARCHAR NOT NULL,
    topic_id     UUID NOT NULL,
    partition    INTEGER NOT NULL,
    incarnation  INTEGER NOT NULL,
    base         BIGINT NOT NULL,
    class        VARCHAR NOT NULL,
    -- The smallest ordinal of the same topic incarnation: the topic's number in `type_row`.
    topic_number INTEGER NOT NULL
);

-- What a profile number stands for; NULL where the records name none.
CREATE TABLE profile (
    profile    INTEGER PRIMARY KEY,
    type       VARCHAR,
    source     VARCHAR,
    version    VARCHAR,
    convention VARCHAR
);

-- What a producer number stands for.
CREATE TABLE producer_row (
    producer    INTEGER PRIMARY KEY,
    cluster     VARCHAR NOT NULL,
    producer_id BIGINT NOT NULL,
    epoch       INTEGER NOT NULL
);

-- Events. `record_time` is NULL when it equals `time`. `form` holds the spelling of id, causation and correlation in two
-- bits each (0 text, 1 UUID, 2 upper-case UUID, 3 hexadecimal), one bit for a null value, and in two bits what the
-- correlation id repeats (1 the id, 2 the causation id, 3 the trace id): then its own columns are NULL; then a bit
-- each for a trace that cannot be read and for several under one name. `cause` is the first cause that is certain: nearly all edges are here, and
-- `cause_row` has the rest. What is found out late (a cause that came after its effect) changes the row: resolution,
-- orphan_reason, conversation, cause and evidence.
CREATE TABLE event_row (
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

-- Slices that take no more events. The one after the last of them is open, and is always read: so the last one's row
-- stays, with no events, when retention deletes the slice.
CREATE TABLE slice_row (
    slice      INTEGER NOT NULL,
    events     BIGINT NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen  TIMESTAMP NOT NULL
);

-- Which refs a closed slice holds.
CREATE TABLE slice_range (
    slice     INTEGER NOT NULL,
    ordinal   INTEGER NOT NULL,
    first_ref BIGINT NOT NULL,
    last_ref  BIGINT NOT NULL
);

-- Which values a closed slice holds: the hashes (macro `id_hash`) of ids, traces and conversations, 30 bits each, and of
-- keys, 36 bits. The first 13 bits choose the row, the others stand in `codes` as three or four characters, one code after
-- the other: so a value is looked up in a few thousand short texts a slice, where sorted numbers would have to be unpacked
-- by the hundred thousand. Unpacking is also why the texts are not compressed.
CREATE TABLE id_slice (
    slice  INTEGER NOT NULL,
    bucket SMALLINT NOT NULL,
    codes  VARCHAR NOT NULL USING COMPRESSION uncompressed
);

-- What retention deleted, one row an ordinal: whole slices, the oldest first. Coverage, roll-ups and failures stay, so that
-- an answer can say that these events were read.
CREATE TABLE deleted_row (
    ordinal    INTEGER NOT NULL,
    first_ref  BIGINT NOT NULL,
    last_ref   BIGINT NOT NULL,
    events     BIGINT NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen  TIMESTAMP NOT NULL
);

-- Which events wait for their cause.
CREATE TABLE pending_row (
    ref       BIGINT NOT NULL,
    slice     INTEGER NOT NULL,
    seen_time TIMESTAMP NOT NULL
);

-- Events that are or were orphans, and failure records whose way back is or was broken: few among all events, so that
-- nobody has to look for them there. They change with their events.
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

-- Edges beside the one that the event itself carries. `evidence` is the number that `event::Evidence` gives it.
CREATE TABLE cause_row (
    effect     BIGINT NOT NULL,
    cause      BIGINT NOT NULL,
    evidence   TINYINT NOT NULL,
    confidence FLOAT NOT NULL
);

-- One row a failure record; a changed failure replaces its row.
CREATE TABLE failure_row (
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
    -- When the tap read the failure record.
    seen_time         TIMESTAMP,
    -- Under which minute and profile the failure counts: those of its origin, where that was seen; else its own minute.
    counted_minute    TIMESTAMP,
    counted_profile   INTEGER,
    -- Profile of `root`, which outlives it.
    root_profile      INTEGER,
    -- What a million records are summed up by, as numbers, since words are slow to compare. `failure_kind` stands for
    -- signature and group, `failure_case` for the record that failed and the group: what people count one failure of.
    -- `counted_topic` is the topic of that record; NULL where it is known by its name only. `marks` are bits: 1 healed,
    -- 2 dead, 4 its way back is broken, 8 a dead letter that is not healed.
    failure_kind      BIGINT,
    failure_case      BIGINT,
    counted_topic     INTEGER,
    marks             TINYINT,
    -- On one record of each failure as people count them, which counts for all; NULL on the others, so that nobody has to
    -- group a million records by what failed. `case_marks`: the marks of all its records, and 32 where its dead letters
    -- lie in several partitions, 64 where it has no other record. `case_letter`: its last dead letter that is not healed.
    case_marks        TINYINT,
    case_letter       BIGINT,
    -- Why `consumer_group` is believed, [`event::GroupEvidence`]; where it is not known, which groups it can be.
    group_evidence    TINYINT,
    candidate_groups  VARCHAR[],
    -- What shows that it healed, [`event::HealedEvidence`].
    healed_evidence   TINYINT,
    -- Since when it is as it is.
    changed_at        TIMESTAMP
);

-- How failures stood before they changed: one row a change, with what held until then.
CREATE TABLE failure_history_row (
    ref             BIGINT NOT NULL,
    since           TIMESTAMP,
    until           TIMESTAMP NOT NULL,
    state           VARCHAR NOT NULL,
    consumer_group  VARCHAR,
    orphan_reason   TINYINT,
    healed_by       BIGINT,
    healed_evidence TINYINT
);

-- What proves that a cause is not there: the barrier that was read past before the verdict. `sampled_at` is NULL where the
-- input ended, as that of an import does.
CREATE TABLE barrier_row (
    barrier    BIGINT NOT NULL,
    sampled_at TIMESTAMP,
    passed_at  TIMESTAMP NOT NULL
);

-- Last stable offsets of a barrier, where they changed since the one before: the vector of a barrier is, for each
-- partition, the row of the highest barrier up to it.
CREATE TABLE barrier_end_row (
    barrier    BIGINT NOT NULL,
    ordinal    INTEGER NOT NULL,
    end_offset BIGINT NOT NULL
);

CREATE TABLE verdict_row (
    ref     BIGINT NOT NULL,
    barrier BIGINT NOT NULL
);

-- Facts of an event beyond its envelope.
CREATE TABLE attribute_row (
    ref    BIGINT NOT NULL,
    name   VARCHAR NOT NULL,
    text   VARCHAR,
    number DOUBLE
);

-- Conversations that turned out to be one. Append only; `current_id` may have been merged again later.
CREATE TABLE alias_row (
    old_id     BIGINT NOT NULL,
    current_id BIGINT NOT NULL,
    merged_at  TIMESTAMP NOT NULL
);

-- One row an ordinal (reason NULL, holds `seen`), and one more for each reason with offsets missing.
CREATE TABLE coverage_row (
    ordinal      INTEGER NOT NULL,
    reason       TINYINT,
    first_offset BIGINT NOT NULL,
    next_offset  BIGINT NOT NULL,
    log_start    BIGINT NOT NULL,
    seen         BIGINT NOT NULL,
    missing      BIGINT NOT NULL
);

-- How far each group has come, as it stands.
CREATE TABLE progress_row (
    consumer_group   VARCHAR NOT NULL,
    ordinal          INTEGER NOT NULL,
    committed_offset BIGINT,
    log_end_offset   BIGINT NOT NULL,
    lag_offsets      BIGINT,
    lag_records      BIGINT,
    lag_ms           BIGINT,
    state            VARCHAR NOT NULL,
    sampled_at       TIMESTAMP NOT NULL,
    resolution_ms    BIGINT NOT NULL,
    -- The first readable record that waits; NULL when none does.
    stands_at        BIGINT,
    -- Offsets a second over the last minute, and when it has caught up at that rate.
    velocity         DOUBLE,
    eta_ms           BIGINT,
    -- The share of the topic's retention that the oldest waiting record has used, and when it may be deleted.
    retention_used   DOUBLE,
    loses_data_in_ms BIGINT,
    -- Offsets that were deleted before the group passed them.
    lost_offsets     BIGINT DEFAULT 0,
    -- What it finished beyond the committed offset: `812-815,820-821`, each first to the one after the last; `?` when its
    -- client says something that is not understood.
    beyond           VARCHAR
);

-- Each change of a committed offset: what brackets the moment in which a group passed an event.
CREATE TABLE progress_mark (
    consumer_group   VARCHAR NOT NULL,
    ordinal          INTEGER NOT NULL,
    committed_offset BIGINT,
    sampled_at       TIMESTAMP NOT NULL,
    resolution_ms    BIGINT NOT NULL
);

-- Committed offsets that went back: what lies between was or will be read again.
CREATE TABLE rewind_row (
    consumer_group VARCHAR NOT NULL,
    ordinal        INTEGER NOT NULL,
    from_offset    BIGINT NOT NULL,
    to_offset      BIGINT NOT NULL,
    sampled_at     TIMESTAMP NOT NULL,
    resolution_ms  BIGINT NOT NULL
);

-- Each consumer group as it stood at the last sample that showed a change.
CREATE TABLE group_row (
    cluster        VARCHAR NOT NULL,
    consumer_group VARCHAR NOT NULL,
    kind           VARCHAR NOT NULL,
    phase          VARCHAR,
    members        INTEGER,
    denied         BOOLEAN NOT NULL,
    sampled_at     TIMESTAMP NOT NULL
);

-- How long topics keep their records, as the cluster says; NULL where nothing goes by age, or by size.
CREATE TABLE policy_row (
    cluster         VARCHAR NOT NULL,
    topic           VARCHAR NOT NULL,
    retention_ms    BIGINT,
    retention_bytes BIGINT,
    compacted       BOOLEAN NOT NULL,
    sampled_at      TIMESTAMP NOT NULL
);

-- What members of groups call themselves, their client ids, and which library they look like, as the log of commits tells.
-- A row may repeat.
CREATE TABLE group_client_row (
    cluster        VARCHAR NOT NULL,
    consumer_group VARCHAR NOT NULL,
    client         VARCHAR NOT NULL,
    library        VARCHAR
);

-- Events by topic and profile, kept as they are written, so that no list of topics or types scans the events.
CREATE TABLE type_row (
    topic_number INTEGER NOT NULL,
    profile      INTEGER NOT NULL,
    events       BIGINT NOT NULL,
    first_time   TIMESTAMP NOT NULL,
    last_time    TIMESTAMP NOT NULL
);

-- Events by minute (of `seen_time`), topic and profile, kept as they are written and as verdicts change, so that no
-- count scans the events.
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

-- The same by hour: a month of minutes is ten million rows, of hours a fiftieth of it. A window is answered from the
-- hours that lie in it wholly, and from minutes at its two ends, where zone maps find them: rows are appended in the
-- order of time. Both change in the same transaction, and go by the same retention, in whole hours.
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

-- Events that each group has passed, by the minute of the event. A rewind takes them back.
CREATE TABLE passed_row (
    minute         TIMESTAMP NOT NULL,
    consumer_group VARCHAR NOT NULL,
    topic_number   INTEGER NOT NULL,
    profile        INTEGER NOT NULL,
    passed         BIGINT NOT NULL
);

-- The same by hour; `first_minute` is the first of its minutes.
CREATE TABLE passed_hour_row (
    hour           TIMESTAMP NOT NULL,
    consumer_group VARCHAR NOT NULL,
    topic_number   INTEGER NOT NULL,
    profile        INTEGER NOT NULL,
    passed         BIGINT NOT NULL,
    first_minute   TIMESTAMP NOT NULL
);

-- How far `passed_row` counts: every event below, none from here on. Kept when a group vanishes, so that nothing is
-- counted twice when it returns.
CREATE TABLE passed_to_row (
    consumer_group VARCHAR NOT NULL,
    ordinal        INTEGER NOT NULL,
    passed_to      BIGINT NOT NULL
);

-- Edges by topic of cause and effect, and evidence, kept as they are written and as verdicts change: a picture of what
-- flows where reads no events. Topics are numbers as in `type_row`.
CREATE TABLE topic_flow_row (
    from_topic INTEGER NOT NULL,
    to_topic   INTEGER NOT NULL,
    evidence   TINYINT NOT NULL,
    events     BIGINT NOT NULL
);

-- Business flows as they were configured at the last start.
CREATE TABLE business_flow_row (
    flow         VARCHAR NOT NULL,
    started_by   VARCHAR NOT NULL,
    completed_by VARCHAR NOT NULL,
    within_ms    BIGINT NOT NULL
);

-- How conclusions fared where the cause is named: concluded as if it were not, and compared. Cause and effect by the
-- ordinal of some partition of their topic and by one of the profiles of their type.
CREATE TABLE trial_row (
    from_ordinal INTEGER NOT NULL,
    from_profile INTEGER NOT NULL,
    to_ordinal   INTEGER NOT NULL,
    to_profile   INTEGER NOT NULL,
    evidence     TINYINT NOT NULL,
    right_ones   BIGINT NOT NULL,
    wrong_ones   BIGINT NOT NULL,
    missed_ones  BIGINT NOT NULL,
    claimed      DOUBLE NOT NULL
);

-- The tap's own numbers.
CREATE TABLE counter (
    name  VARCHAR NOT NULL,
    value DOUBLE NOT NULL
);

-- What is told to an OTLP collector, while one is named, in the order in which it is sent. `seq` is dense over
-- `outbox_event`, the late rows of `outbox_link`, and `outbox_pass`, but for what retention deleted. Rows stay for a while
-- after they were sent: what comes later finds its trace here. Nothing in them changes, so that what is sent twice is the same twice.

-- Settled events. `seed` names the trace; `parent` is the cause whose span is the parent, always in the same trace.
CREATE TABLE outbox_event (
    seq           BIGINT NOT NULL,
    ref           BIGINT NOT NULL,
    seed          BIGINT NOT NULL,
    parent        BIGINT,
    seen_time     TIMESTAMP NOT NULL,
    resolution    TINYINT NOT NULL,
    orphan_reason TINYINT
);

-- Causes that are no parents. With the `seq` of the event `ref`; late ones, found after it was told, have their own.
-- `cause_seed` is NULL when the cause was not told.
CREATE TABLE outbox_link (
    seq        BIGINT NOT NULL,
    ref        BIGINT NOT NULL,
    seed       BIGINT NOT NULL,
    seen_time  TIMESTAMP NOT NULL,
    cause      BIGINT NOT NULL,
    cause_seed BIGINT,
    evidence   TINYINT NOT NULL,
    confidence FLOAT NOT NULL,
    late       BOOLEAN NOT NULL
);

-- Groups passed the told events of these ranges that have a smaller `seq`. `again`: a group may have passed some of
-- them in an earlier row, which then counts.
CREATE TABLE outbox_pass (
    seq            BIGINT NOT NULL,
    consumer_group VARCHAR NOT NULL,
    first_ref      BIGINT NOT NULL,
    next_ref       BIGINT NOT NULL,
    not_before     TIMESTAMP,
    not_after      TIMESTAMP NOT NULL,
    seen_from      TIMESTAMP NOT NULL,
    again          BOOLEAN NOT NULL
);

-- How far each group's passes were told.
CREATE TABLE outbox_passed_to (
    consumer_group VARCHAR NOT NULL,
    ordinal        INTEGER NOT NULL,
    next_ref       BIGINT NOT NULL
);

-- Settled events whose chain of causes leads to a waiting one: they are told with it. `cause` is the first declared one;
-- `late`: settled in an earlier commit.
CREATE TABLE outbox_held (
    ref           BIGINT NOT NULL,
    cause         BIGINT,
    conversation  BIGINT NOT NULL,
    seen_time     TIMESTAMP NOT NULL,
    resolution    TINYINT NOT NULL,
    orphan_reason TINYINT,
    late          BOOLEAN NOT NULL
);

-- Edges of events that are not told yet.
CREATE TABLE outbox_edge (
    effect     BIGINT NOT NULL,
    cause      BIGINT NOT NULL,
    evidence   TINYINT NOT NULL,
    confidence FLOAT NOT NULL
);

-- The trace that a conversation began with, which outlives a change of its id.
CREATE TABLE trace_seed (
    conversation BIGINT NOT NULL,
    seed         BIGINT NOT NULL
);

-- One row: the last `seq` given, and the cursor: all before `sent_seq` was sent, and of it up to `sent_ref`. `salt` goes
-- into the ids of spans where the cluster has no topic ids: it tells two clusters of the same name apart.
CREATE TABLE outbox_state (
    last_seq BIGINT NOT NULL,
    sent_seq BIGINT NOT NULL,
    sent_ref BIGINT NOT NULL,
    salt     BIGINT NOT NULL
);

INSERT INTO outbox_state SELECT 0, 0, 0, CAST(hash(uuid()) >> 1 AS BIGINT);

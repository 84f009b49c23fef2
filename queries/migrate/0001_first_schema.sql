CREATE TABLE meta (
    name  VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);

CREATE TABLE partition (
    ordinal      INTEGER PRIMARY KEY,
    cluster      VARCHAR NOT NULL,
    topic        VARCHAR NOT NULL,
    topic_id     UUID NOT NULL,
    partition    INTEGER NOT NULL,
    incarnation  INTEGER NOT NULL,
    base         BIGINT NOT NULL,
    class        VARCHAR NOT NULL,
    topic_number INTEGER NOT NULL
);

CREATE TABLE profile (
    profile    INTEGER PRIMARY KEY,
    type       VARCHAR,
    source     VARCHAR,
    version    VARCHAR,
    convention VARCHAR
);

CREATE TABLE producer_row (
    producer    INTEGER PRIMARY KEY,
    cluster     VARCHAR NOT NULL,
    producer_id BIGINT NOT NULL,
    epoch       INTEGER NOT NULL
);

CREATE TABLE event_row (
    ref              BIGINT NOT NULL,
    time             TIMESTAMP NOT NULL,
    record_time      TIMESTAMP,
    seen_time        TIMESTAMP NOT NULL,
    kind             TINYINT NOT NULL,
    resolution       TINYINT NOT NULL,
    orphan_reason    TINYINT,
    form             TINYINT NOT NULL,
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
    span             BIGINT
);

CREATE TABLE pending_row (
    ref              BIGINT NOT NULL,
    time             TIMESTAMP NOT NULL,
    record_time      TIMESTAMP,
    seen_time        TIMESTAMP NOT NULL,
    kind             TINYINT NOT NULL,
    resolution       TINYINT NOT NULL,
    orphan_reason    TINYINT,
    form             TINYINT NOT NULL,
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
    span             BIGINT
);

CREATE TABLE cause_row (
    effect     BIGINT NOT NULL,
    cause      BIGINT NOT NULL,
    evidence   TINYINT NOT NULL,
    confidence FLOAT NOT NULL
);

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
    healed_by         BIGINT
);

CREATE TABLE attribute_row (
    ref    BIGINT NOT NULL,
    name   VARCHAR NOT NULL,
    text   VARCHAR,
    number DOUBLE
);

CREATE TABLE alias_row (
    old_id     BIGINT NOT NULL,
    current_id BIGINT NOT NULL,
    merged_at  TIMESTAMP NOT NULL
);

CREATE TABLE coverage_row (
    ordinal      INTEGER NOT NULL,
    reason       TINYINT,
    first_offset BIGINT NOT NULL,
    next_offset  BIGINT NOT NULL,
    log_start    BIGINT NOT NULL,
    seen         BIGINT NOT NULL,
    missing      BIGINT NOT NULL
);

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
    resolution_ms    BIGINT NOT NULL
);

CREATE TABLE progress_mark (
    consumer_group   VARCHAR NOT NULL,
    ordinal          INTEGER NOT NULL,
    committed_offset BIGINT,
    sampled_at       TIMESTAMP NOT NULL,
    resolution_ms    BIGINT NOT NULL
);

CREATE TABLE type_row (
    topic_number INTEGER NOT NULL,
    profile      INTEGER NOT NULL,
    events       BIGINT NOT NULL,
    first_time   TIMESTAMP NOT NULL,
    last_time    TIMESTAMP NOT NULL
);

CREATE TABLE counter (
    name  VARCHAR NOT NULL,
    value DOUBLE NOT NULL
);

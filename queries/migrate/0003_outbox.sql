CREATE TABLE outbox_event (
    seq           BIGINT NOT NULL,
    ref           BIGINT NOT NULL,
    seed          BIGINT NOT NULL,
    parent        BIGINT,
    seen_time     TIMESTAMP NOT NULL,
    resolution    TINYINT NOT NULL,
    orphan_reason TINYINT
);

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

CREATE TABLE outbox_passed_to (
    consumer_group VARCHAR NOT NULL,
    ordinal        INTEGER NOT NULL,
    next_ref       BIGINT NOT NULL
);

CREATE TABLE outbox_held (
    ref           BIGINT NOT NULL,
    cause         BIGINT,
    conversation  BIGINT NOT NULL,
    seen_time     TIMESTAMP NOT NULL,
    resolution    TINYINT NOT NULL,
    orphan_reason TINYINT,
    late          BOOLEAN NOT NULL
);

CREATE TABLE outbox_edge (
    effect     BIGINT NOT NULL,
    cause      BIGINT NOT NULL,
    evidence   TINYINT NOT NULL,
    confidence FLOAT NOT NULL
);

CREATE TABLE trace_seed (
    conversation BIGINT NOT NULL,
    seed         BIGINT NOT NULL
);

CREATE TABLE outbox_state (
    last_seq BIGINT NOT NULL,
    sent_seq BIGINT NOT NULL,
    sent_ref BIGINT NOT NULL,
    salt     BIGINT NOT NULL
);

INSERT INTO outbox_state SELECT 0, 0, 0, CAST(hash(uuid()) >> 1 AS BIGINT);

-- From schema version 8: who failed as far as the ledger tells, what shows that it healed, and how each failure stood before.
ALTER TABLE failure_row ADD COLUMN group_evidence TINYINT;
ALTER TABLE failure_row ADD COLUMN candidate_groups VARCHAR[];
ALTER TABLE failure_row ADD COLUMN healed_evidence TINYINT;
ALTER TABLE failure_row ADD COLUMN changed_at TIMESTAMP;

UPDATE failure_row SET
    group_evidence = CASE WHEN consumer_group IS NOT NULL THEN 0 END,
    healed_evidence = CASE WHEN state = 'healed' THEN 1 END,
    changed_at = coalesce(seen_time, time);

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

CREATE TABLE policy_row (
    cluster         VARCHAR NOT NULL,
    topic           VARCHAR NOT NULL,
    retention_ms    BIGINT,
    retention_bytes BIGINT,
    compacted       BOOLEAN NOT NULL,
    sampled_at      TIMESTAMP NOT NULL
);

CREATE TABLE group_client_row (
    cluster        VARCHAR NOT NULL,
    consumer_group VARCHAR NOT NULL,
    client         VARCHAR NOT NULL,
    library        VARCHAR
);

CREATE TABLE barrier_row (
    barrier    BIGINT NOT NULL,
    sampled_at TIMESTAMP,
    passed_at  TIMESTAMP NOT NULL
);

CREATE TABLE barrier_end_row (
    barrier    BIGINT NOT NULL,
    ordinal    INTEGER NOT NULL,
    end_offset BIGINT NOT NULL
);

CREATE TABLE verdict_row (
    ref     BIGINT NOT NULL,
    barrier BIGINT NOT NULL
);

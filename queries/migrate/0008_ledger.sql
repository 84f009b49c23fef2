-- From schema version 7: groups as such, rewinds, and what a group's place on a partition means.
ALTER TABLE progress_row ADD COLUMN stands_at BIGINT;
ALTER TABLE progress_row ADD COLUMN velocity DOUBLE;
ALTER TABLE progress_row ADD COLUMN eta_ms BIGINT;
ALTER TABLE progress_row ADD COLUMN retention_used DOUBLE;
ALTER TABLE progress_row ADD COLUMN loses_data_in_ms BIGINT;
ALTER TABLE progress_row ADD COLUMN lost_offsets BIGINT DEFAULT 0;
ALTER TABLE progress_row ADD COLUMN beyond VARCHAR;

CREATE TABLE rewind_row (
    consumer_group VARCHAR NOT NULL,
    ordinal        INTEGER NOT NULL,
    from_offset    BIGINT NOT NULL,
    to_offset      BIGINT NOT NULL,
    sampled_at     TIMESTAMP NOT NULL,
    resolution_ms  BIGINT NOT NULL
);

CREATE TABLE group_row (
    cluster        VARCHAR NOT NULL,
    consumer_group VARCHAR NOT NULL,
    kind           VARCHAR NOT NULL,
    phase          VARCHAR,
    members        INTEGER,
    denied         BOOLEAN NOT NULL,
    sampled_at     TIMESTAMP NOT NULL
);

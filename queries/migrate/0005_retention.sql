-- From schema version 4: what retention leaves behind.
CREATE TABLE deleted_row (
    ordinal    INTEGER NOT NULL,
    first_ref  BIGINT NOT NULL,
    last_ref   BIGINT NOT NULL,
    events     BIGINT NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen  TIMESTAMP NOT NULL
);

CREATE TABLE root_row (
    ref     BIGINT NOT NULL,
    profile INTEGER NOT NULL
);

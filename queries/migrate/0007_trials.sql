-- From schema version 6: how conclusions fared where the cause is named.
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

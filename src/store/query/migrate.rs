//! Migrations: each brings a file from one schema version to the next.

queries! {
    "migrate",
    /// Schema version 1.
    FIRST_SCHEMA "0001_first_schema",
    /// Schema version 2: counts by minute, and what groups passed.
    COUNTS "0002_counts",
    /// Schema version 3: what is told to an OTLP collector.
    OUTBOX "0003_outbox",
    /// Schema version 4: slices, and edges in the rows of their effects.
    SLICES "0004_slices",
    /// Schema version 5: what retention leaves behind.
    RETENTION "0005_retention",
    /// Schema version 6: counts by hour, and failures by numbers.
    HOURS "0006_hours",
    /// Schema version 7: how conclusions fared.
    TRIALS "0007_trials",
    /// Schema version 8: groups as such, rewinds, and what a group's place means.
    LEDGER "0008_ledger",
    /// Schema version 9: who failed as far as the ledger tells, and how failures stood before.
    FAILURES "0009_failures",
}

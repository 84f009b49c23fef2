//! What proves verdicts.

queries! {
    "proof",
    /// Macro `barrier_of`: $1 ref.
    BARRIER "barrier",
    /// Macro `duplicates`: $1 since, $2 until; NULL for no bound.
    DUPLICATES "duplicates",
    /// How failures stood: $1 refs between commas, $2 the time.
    FAILURES_AS_OF "failures_as_of",
    /// Deletes barriers that were passed before $1, at most $2.
    RETIRE_BARRIERS "retire_barriers",
    /// Deletes ends of barriers that no barrier since $1 is read from, at most $2.
    RETIRE_BARRIER_ENDS "retire_barrier_ends",
}

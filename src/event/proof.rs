//! What proves that a cause is not there.

use super::{EventRef, Ordinal, Timestamp};

/// A barrier that was read past before verdicts were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarrierRow {
    /// Its number: the µs at which its sample began, or the next number that is free.
    pub number: i64,
    /// When its sample began; `None` where the input ended, as that of an import does.
    pub sampled_at: Option<Timestamp>,
    /// When it had been read past, at the latest.
    pub passed_at: Timestamp,
    /// Last stable offsets that changed since the barrier that was written before it.
    pub ends: Vec<(Ordinal, i64)>,
}

/// An event whose cause is not there, and the barrier that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerdictRow {
    /// The event.
    pub reference: EventRef,
    /// Number of the barrier.
    pub barrier: i64,
}

//! How long the database keeps what.

use super::Timestamp;
use std::time::Duration;

/// How long each kind of row is kept; `None` keeps it for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Events, with their ids, edges and attributes; by when the tap saw them.
    pub events: Option<Duration>,
    /// Failure records, with what they say about their origin.
    pub failures: Option<Duration>,
    /// Roll-ups by minute: what was received, and what groups passed.
    pub counts: Option<Duration>,
    /// Changes of committed offsets: when a group passed an event.
    pub marks: Option<Duration>,
    /// What a collector was told.
    pub outbox: Option<Duration>,
}

impl Retention {
    /// The time before which nothing is kept, at `now`; `None` where all is.
    pub fn cut(kept: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
        let micros = i64::try_from(kept?.as_micros()).unwrap_or(i64::MAX);
        Some(Timestamp(now.0.saturating_sub(micros)))
    }
}

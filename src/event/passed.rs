//! What groups passed, as ranges of offsets.

use super::{Ordinal, Timestamp};
use std::sync::Arc;

/// Which way a committed offset went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The group has passed the events.
    Forward,
    /// The group went back before the events: it has not passed them any more.
    Back,
}

impl Direction {
    /// What each event of the range adds to a count of passed ones: 1 or -1.
    pub const fn sign(self) -> i64 {
        match self {
            Self::Forward => 1,
            Self::Back => -1,
        }
    }
}

/// Events that a group passed, or went back before. Each event that was read is told once for each time that it is
/// passed: sums of [`Direction::sign`] count the groups that are beyond it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedRange {
    /// The group.
    pub group: Arc<str>,
    /// The partition.
    pub ordinal: Ordinal,
    /// First offset; not every offset holds an event.
    pub from: i64,
    /// The offset after the last one.
    pub to: i64,
    /// The sample that showed it. An event of the range may have been read later than that.
    pub at: Timestamp,
    /// How long before `at` it can have happened, in ms; what the first sample of a group shows may be older.
    pub resolution_ms: i64,
    /// Passed, or taken back.
    pub direction: Direction,
    /// No event of the range was seen before: a bound by which stored events can be found without a scan.
    pub seen_from: Timestamp,
}

/// How far a group was counted on a partition: what [`PassedRange`]s go on from, in a later run too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedTo {
    /// The group.
    pub group: Arc<str>,
    /// The partition.
    pub ordinal: Ordinal,
    /// Every event below was told as passed; none from here on.
    pub offset: i64,
}

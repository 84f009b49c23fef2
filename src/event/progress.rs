//! How far groups have come, and how they stand.

use super::{Beyond, GroupKind, GroupPhase, Ordinal, Timestamp};
use std::sync::Arc;

/// How a group stands on a partition. A closed set: dashboards group by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProgressState {
    /// It has members, and commits.
    Stable,
    /// It has no members.
    Empty,
    /// The broker knows the group no more.
    Dead,
    /// Its members are being assigned anew.
    Rebalancing,
    /// Records wait, and nothing was committed for a while.
    Stalled,
    /// Its committed offset went back.
    Rewound,
    /// It stands at one record while its other partitions go on.
    Stuck,
    /// It reads the topic and never committed here.
    NeverCommitted,
    /// An open transaction holds the partition.
    BlockedByTransaction,
    /// A group without offsets to lag behind, such as a share group.
    NoOffsetLag,
}

impl ProgressState {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Stable,
        Self::Empty,
        Self::Dead,
        Self::Rebalancing,
        Self::Stalled,
        Self::Rewound,
        Self::Stuck,
        Self::NeverCommitted,
        Self::BlockedByTransaction,
        Self::NoOffsetLag,
    ];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Empty => "empty",
            Self::Dead => "dead",
            Self::Rebalancing => "rebalancing",
            Self::Stalled => "stalled",
            Self::Rewound => "rewound",
            Self::Stuck => "stuck",
            Self::NeverCommitted => "never_committed",
            Self::BlockedByTransaction => "blocked_by_transaction",
            Self::NoOffsetLag => "no_offset_lag",
        }
    }
}

/// How far one group has come on one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressRow {
    /// The group.
    pub consumer_group: Arc<str>,
    /// The partition.
    pub ordinal: Ordinal,
    /// Next offset that the group will read; of a share group, its start offset.
    pub committed_offset: Option<i64>,
    /// Log end offset.
    pub log_end_offset: i64,
    /// Kafka's number: end minus committed.
    pub lag_offsets: Option<i64>,
    /// Readable records that wait: markers, aborted records and holes are not work.
    pub lag_records: Option<i64>,
    /// Age of the oldest record that waits, in ms; `None` when it lies before what the tap has seen.
    pub lag_ms: Option<i64>,
    /// How it stands.
    pub state: ProgressState,
    /// When this was sampled.
    pub sampled_at: Timestamp,
    /// Width of the bracket in which "passed" is known, in ms; 0 where the log of commits told the exact time.
    pub resolution_ms: i64,
    /// The first readable record that waits; `None` when none does.
    pub stands_at: Option<i64>,
    /// Offsets a second that were committed over the last minute; `None` when too little was seen.
    pub velocity: Option<f64>,
    /// Time until it has caught up at this rate, in ms; `None` when it does not.
    pub eta_ms: Option<i64>,
    /// How much of the topic's retention the oldest waiting record has used: 1 and more may be deleted.
    pub retention_used: Option<f64>,
    /// When the oldest waiting record may be deleted, in ms from the sample; `None` when unknown or never.
    pub loses_data_in_ms: Option<i64>,
    /// Offsets that were deleted before the group passed them.
    pub lost_offsets: i64,
    /// What it finished beyond the committed offset.
    pub beyond: Beyond,
}

impl ProgressRow {
    /// A group of which nothing is known but that it reads the partition.
    pub fn new(consumer_group: &Arc<str>, ordinal: Ordinal, at: Timestamp) -> Self {
        Self {
            consumer_group: consumer_group.clone(),
            ordinal,
            committed_offset: None,
            log_end_offset: 0,
            lag_offsets: None,
            lag_records: None,
            lag_ms: None,
            state: ProgressState::Stable,
            sampled_at: at,
            resolution_ms: 0,
            stands_at: None,
            velocity: None,
            eta_ms: None,
            retention_used: None,
            loses_data_in_ms: None,
            lost_offsets: 0,
            beyond: Beyond::Nothing,
        }
    }
}

/// The committed offset of a group at one time: what brackets the moment in which it passed an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressMark {
    /// The group.
    pub consumer_group: Arc<str>,
    /// The partition.
    pub ordinal: Ordinal,
    /// Next offset that the group will read.
    pub committed_offset: i64,
    /// When it was committed, or the sample that showed it.
    pub at: Timestamp,
    /// How long before `at` it can have happened, in ms.
    pub resolution_ms: i64,
}

/// A committed offset that went back: what lies between was or will be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewindRow {
    /// The group.
    pub consumer_group: Arc<str>,
    /// The partition.
    pub ordinal: Ordinal,
    /// Where it stood.
    pub from_offset: i64,
    /// Where it stands now.
    pub to_offset: i64,
    /// When that was committed, or the sample that showed it.
    pub at: Timestamp,
    /// How long before `at` it can have happened, in ms.
    pub resolution_ms: i64,
}

/// One consumer group as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    /// The cluster.
    pub cluster: Arc<str>,
    /// The group.
    pub consumer_group: Arc<str>,
    /// What kind it is.
    pub kind: GroupKind,
    /// What its members do.
    pub phase: Option<GroupPhase>,
    /// How many members it has.
    pub members: Option<u32>,
    /// Whether the tap may see nothing but its name.
    pub denied: bool,
    /// The last sample in which any of this changed.
    pub sampled_at: Timestamp,
}

//! Consumer groups and log ends, as sampled.

use super::{Ordinal, Timestamp, TopicPartition};
use std::sync::Arc;

/// Number of a barrier sample. A child that was read before sample `n` began is judged once the tap has read past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

/// The last stable offsets of all readable partitions, sampled after the epoch was asked for.
#[derive(Debug, Clone, Default)]
pub struct BarrierSample {
    /// Which request this answers.
    pub epoch: Epoch,
    /// Last stable offset of each partition that answered.
    pub ends: Vec<(Arc<TopicPartition>, i64)>,
    /// Partitions that did not answer: they hold back the verdicts that wait for them.
    pub unreachable: Vec<Arc<TopicPartition>>,
}

/// Both ends of one partition's log.
#[derive(Debug, Clone)]
pub struct LogEnds {
    /// The partition.
    pub partition: Arc<TopicPartition>,
    /// First offset that is still there.
    pub start: i64,
    /// Log end offset: the next offset that will be written (high watermark).
    pub end: i64,
    /// Last stable offset: where a read_committed reader stops.
    pub stable: i64,
    /// Broker that leads the partition; negative where nobody knows.
    pub leader: i32,
}

/// One committed offset of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The group.
    pub group: Arc<str>,
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    /// The next offset that the group will read; `None` when the commit was deleted or expired.
    pub offset: Option<i64>,
}

/// State of one group at one sample.
#[derive(Debug, Clone)]
pub struct GroupState {
    /// The group.
    pub group: Arc<str>,
    /// The broker's word: `Stable`, `Empty`, `PreparingRebalance`, …; `None` where it cannot be asked.
    pub state: Option<Arc<str>>,
    /// Its committed offsets.
    pub commits: Vec<CommittedOffset>,
}

/// All groups and log ends, sampled together.
#[derive(Debug, Clone, Default)]
pub struct GroupSample {
    /// When the sample began.
    pub at: Timestamp,
    /// Time since the sample before: what "passed" can be known to.
    pub resolution_ms: i64,
    /// The cluster that was sampled.
    pub cluster: Arc<str>,
    /// True when every group of the cluster answered: those that are not in the sample are gone.
    pub complete: bool,
    /// The groups that answered.
    pub groups: Vec<GroupState>,
    /// Log ends of all readable partitions.
    pub ends: Vec<LogEnds>,
}

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
    /// Next offset that the group will read.
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
    /// Width of the bracket in which "passed" is known, in ms.
    pub resolution_ms: i64,
}

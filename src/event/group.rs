//! Consumer groups and log ends, as they were sampled or as the log of commits tells them.

use super::{Timestamp, TopicPartition};
use std::ops::Range;
use std::sync::Arc;

/// Number of a barrier sample. A child that was read before sample `n` began is judged once the tap has read past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

/// The last stable offsets of all readable partitions, sampled after the epoch was asked for.
#[derive(Debug, Clone, Default)]
pub struct BarrierSample {
    /// Which request this answers.
    pub epoch: Epoch,
    /// When it began: all ends are those of then or later.
    pub sampled_at: Timestamp,
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

/// Longest metadata of a commit that is kept, in bytes. Brokers take 4 KiB unless `offset.metadata.max.bytes` says more,
/// and a stored commit before version 4 holds no more than this. What reaches it counts as cut.
pub const MAX_COMMIT_METADATA_BYTES: usize = 32 << 10;

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
    /// What the client wrote beside it, up to [`MAX_COMMIT_METADATA_BYTES`]; mostly nothing.
    pub metadata: Arc<str>,
}

impl CommittedOffset {
    /// A commit without metadata.
    pub fn new(group: &Arc<str>, topic: &Arc<str>, partition: i32, offset: Option<i64>) -> Self {
        Self { group: group.clone(), topic: topic.clone(), partition, offset, metadata: Arc::from("") }
    }
}

/// A committed offset as the cluster's own log of them tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedCommit {
    /// The cluster.
    pub cluster: Arc<str>,
    /// When the coordinator took it.
    pub at: Timestamp,
    /// The commit, or that it is no more.
    pub commit: CommittedOffset,
}

/// A library that consumers are built on. A closed set: what can be told by what members write to their coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Library {
    /// Apache Kafka's own client.
    Java,
    /// librdkafka, and what is built on it: confluent-kafka of Python, Confluent.Kafka of .NET and others.
    Librdkafka,
    /// kafkajs.
    Kafkajs,
    /// aiokafka.
    Aiokafka,
}

impl Library {
    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Java => "java",
            Self::Librdkafka => "librdkafka",
            Self::Kafkajs => "kafkajs",
            Self::Aiokafka => "aiokafka",
        }
    }
}

/// What a member of a group calls itself: its client id, which most clients begin with their own name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupClient {
    /// The cluster.
    pub cluster: Arc<str>,
    /// The group.
    pub group: Arc<str>,
    /// The client id, bounded.
    pub client: Arc<str>,
    /// The library that it looks like.
    pub library: Option<Library>,
}

/// What a group finished beyond its committed offset, as its client says in the metadata of the commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Beyond {
    /// It says nothing: it passes records in order.
    #[default]
    Nothing,
    /// It says something that is not understood: what lies beyond may be finished or not.
    Unknown,
    /// These offsets, ascending, none empty, none touching another.
    Done(Vec<Range<i64>>),
}

/// Where a share group stands on a partition (KIP-932). It has no committed offset: records are acknowledged one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareOffset {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    /// Share-partition start offset: all records below are done with.
    pub start: i64,
    /// Records that are yet to be delivered, by the broker's count (KIP-1226); `None` where it does not tell.
    pub waiting: Option<i64>,
}

/// What kind of group it is. A closed set: people filter by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKind {
    /// Nobody joined it: somebody commits under its name, as Flink does.
    Simple,
    /// Members by the classic protocol.
    Classic,
    /// Members by the protocol of KIP-848.
    Consumer,
    /// Kafka Streams, by either protocol.
    Streams,
    /// Workers of Kafka Connect: they share out connectors, not partitions.
    Connect,
    /// A share group (KIP-932).
    Share,
    /// A group of some other protocol, such as a schema registry's.
    Other,
    /// The broker does not tell.
    Unknown,
}

impl GroupKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Simple,
        Self::Classic,
        Self::Consumer,
        Self::Streams,
        Self::Connect,
        Self::Share,
        Self::Other,
        Self::Unknown,
    ];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Streams => "streams",
            Self::Connect => "connect",
            Self::Share => "share",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// What the broker says of a group's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupPhase {
    /// It has members, and each its partitions.
    Stable,
    /// It has no members.
    Empty,
    /// The broker knows it no more.
    Dead,
    /// Partitions are being given out anew.
    Rebalancing,
}

impl GroupPhase {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Stable, Self::Empty, Self::Dead, Self::Rebalancing];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Empty => "empty",
            Self::Dead => "dead",
            Self::Rebalancing => "rebalancing",
        }
    }
}

/// State of one group at one sample.
#[derive(Debug, Clone)]
pub struct GroupState {
    /// The group.
    pub group: Arc<str>,
    /// What kind it is.
    pub kind: GroupKind,
    /// What its members do; `None` where it cannot be asked.
    pub phase: Option<GroupPhase>,
    /// How many members it has; `None` where it cannot be asked.
    pub members: Option<u32>,
    /// Topics and partitions that its members hold.
    pub assigned: Vec<(Arc<str>, i32)>,
    /// Its committed offsets.
    pub commits: Vec<CommittedOffset>,
    /// Where it stands if it is a share group.
    pub shares: Vec<ShareOffset>,
}

impl GroupState {
    /// A group of which only its commits are known.
    pub fn of(group: Arc<str>, commits: Vec<CommittedOffset>) -> Self {
        Self {
            group,
            kind: GroupKind::Unknown,
            phase: None,
            members: None,
            assigned: Vec::new(),
            commits,
            shares: Vec::new(),
        }
    }
}

/// How long a topic keeps its records (`retention.ms`, `retention.bytes`, `cleanup.policy`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPolicy {
    /// Topic name.
    pub topic: Arc<str>,
    /// Records older than this may be deleted; `None` when age deletes nothing.
    pub retention_ms: Option<i64>,
    /// Bytes of a partition beyond which the oldest may be deleted; `None` when size deletes nothing.
    pub retention_bytes: Option<i64>,
    /// Whether all but the last record of a key may be deleted.
    pub compacted: bool,
}

/// How long a topic keeps its records, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// The cluster.
    pub cluster: Arc<str>,
    /// Topic and limits.
    pub policy: LogPolicy,
    /// The sample that told it.
    pub sampled_at: Timestamp,
}

/// All groups and log ends, sampled together.
#[derive(Debug, Clone, Default)]
pub struct GroupSample {
    /// When the sample began.
    pub at: Timestamp,
    /// Time since the sample before: what "passed" can be known to.
    pub resolution_ms: i64,
    /// How long asking took.
    pub took_ms: i64,
    /// The cluster that was sampled.
    pub cluster: Arc<str>,
    /// True when every group of the cluster answered: those that are not in the sample are gone.
    pub complete: bool,
    /// The groups that answered.
    pub groups: Vec<GroupState>,
    /// Groups of which the tap may see nothing but the name.
    pub denied: Vec<Arc<str>>,
    /// Log ends of all readable partitions.
    pub ends: Vec<LogEnds>,
    /// Every commit before this was told by the cluster's log of commits, and handed to the core before this sample: the
    /// time of the last sample whose ends of that log were reached. `None` where the log is not read, or not so far yet.
    pub log_read_to: Option<Timestamp>,
    /// How long topics keep their records, of those whose policy is new or has changed; none where that may not be seen.
    pub policies: Vec<LogPolicy>,
}

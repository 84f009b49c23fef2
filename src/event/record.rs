//! What Kafka holds: records, where they lie, and who wrote them.

use std::fmt;
use std::sync::Arc;

/// Microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From Kafka's milliseconds; saturates, since a record may carry any 64-bit number.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1000))
    }

    /// Whole milliseconds, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Microseconds from `earlier` to `self`; negative if `self` lies before it.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One partition of one incarnation of a topic.
///
/// A topic that was deleted and created again under the same name has another `topic_id` (KIP-516) and is another
/// incarnation: its offsets start again and must not be mixed with the old ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Name of the tapped cluster, as configured.
    pub cluster: Arc<str>,
    /// Topic name.
    pub topic: Arc<str>,
    /// Topic id, all zero where the broker or the capture has none.
    pub topic_id: [u8; 16],
    /// Partition number.
    pub partition: i32,
}

impl TopicPartition {
    /// False on brokers that give topics no id (before Kafka 2.8, and some that only speak its protocol).
    pub fn has_topic_id(&self) -> bool {
        self.topic_id != [0; 16]
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// One header occurrence. Names may repeat; order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Header name, UTF-8 by contract but not by enforcement.
    pub name: &'a [u8],
    /// Header value; `None` is Kafka's null.
    pub value: Option<&'a [u8]>,
}

/// One record as it was read, borrowed from the buffer that holds it.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Offset in its partition.
    pub offset: i64,
    /// The record's timestamp in ms since the epoch (CreateTime or LogAppendTime).
    pub timestamp_ms: i64,
    /// Record key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// Record value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order, repeated names kept.
    pub headers: &'a [Header<'a>],
}

/// One producer instance as the record batches carry it (KIP-98). Not a service name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Producer {
    /// Producer id, >= 0.
    pub id: i64,
    /// Producer epoch.
    pub epoch: i16,
    /// True when the batch belongs to a transaction.
    pub transactional: bool,
}

/// What a topic is for, judged by its name and confirmed by what lies on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TopicClass {
    /// Business events.
    Business,
    /// Records that are tried again later.
    Retry,
    /// Records that a consumer gave up on.
    DeadLetter,
    /// Changelog of a stream processor's state store.
    Changelog,
    /// Repartition topic of a stream processor.
    Repartition,
    /// Copy of another cluster's topic.
    Mirror,
    /// Topics of Kafka itself or of its tools.
    Internal,
}

impl TopicClass {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Business,
        Self::Retry,
        Self::DeadLetter,
        Self::Changelog,
        Self::Repartition,
        Self::Mirror,
        Self::Internal,
    ];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Retry => "retry",
            Self::DeadLetter => "dead_letter",
            Self::Changelog => "changelog",
            Self::Repartition => "repartition",
            Self::Mirror => "mirror",
            Self::Internal => "internal",
        }
    }
}

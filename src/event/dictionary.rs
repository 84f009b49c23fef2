//! Numbers that stand for partitions, profiles and producers.

use super::{Ordinal, Profile, TopicClass, TopicPartition};
use std::sync::Arc;

/// A dictionary row: what an [`Ordinal`] stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRow {
    /// The number.
    pub ordinal: Ordinal,
    /// The partition.
    pub partition: Arc<TopicPartition>,
    /// 0 for the first topic id seen under this name, then 1, 2, …
    pub incarnation: i32,
    /// What is added to the offset in a ref.
    pub base: i64,
    /// What the topic is for.
    pub class: TopicClass,
}

/// A dictionary row: what a profile number stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRow {
    /// The number.
    pub profile: i32,
    /// Type, source, version and convention.
    pub content: Profile,
}

/// A dictionary row: what a producer number stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerRow {
    /// The number.
    pub producer: i32,
    /// Name of the tapped cluster.
    pub cluster: Arc<str>,
    /// Producer id.
    pub producer_id: i64,
    /// Producer epoch.
    pub epoch: i16,
}

//! Rows of what proves verdicts.

use super::super::Table;
use super::{RowError, position, read};
use crate::event::Timestamp;

row! {
    /// One partition of the barrier that was read past before a verdict (`barrier_of`).
    BarrierEnd {
        /// When the sample began; `None` where the input ended.
        sampled_at: Option<Timestamp> = "sampled_at",
        /// When it had been read past, at the latest.
        passed_at: Timestamp = "passed_at",
        /// Cluster.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// Partition.
        partition: i64 = "partition",
        /// The last stable offset then.
        end_offset: i64 = "end_offset",
        /// Where reading goes on now.
        next_offset: Option<i64> = "next_offset",
    }
}

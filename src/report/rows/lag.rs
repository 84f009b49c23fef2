//! How far groups are behind, and what waits for them.

use super::{RowError, Table, position, read};
use crate::event::Timestamp;

row! {
    /// How far one group lies behind on one topic (`lag`).
    LagRow {
        /// The group.
        consumer_group: String = "consumer_group",
        /// Topic; `None` for a group of which no offset is known.
        topic: Option<String> = "topic",
        /// Kafka's number, over all partitions whose committed offset is known.
        lag_offsets: Option<i64> = "lag_offsets",
        /// Readable records that wait.
        lag_records: Option<i64> = "lag_records",
        /// Age of the oldest record that waits, ms.
        lag_ms: Option<i64> = "lag_ms",
        /// Events that wait; `None` where that cannot be told.
        waiting_events: Option<i64> = "waiting_events",
        /// How the group stands on the partition that stands worst.
        state: String = "state",
        /// That partition.
        worst_partition: Option<i64> = "worst_partition",
        /// Next offset that the group will read there.
        worst_committed_offset: Option<i64> = "worst_committed_offset",
        /// When this was sampled.
        sampled_at: Timestamp = "sampled_at",
        /// Name of the tapped cluster.
        cluster: String = "cluster",
        /// Conversations of the events that wait.
        waiting_conversations: Option<i64> = "waiting_conversations",
        /// Age of the oldest event that waits, ms at the sample.
        oldest_ms: Option<i64> = "oldest_ms",
        /// Sum of the configured field over the events that wait.
        waiting_value: Option<f64> = "waiting_value",
        /// Name of that field; `None` where none is configured.
        value_field: Option<String> = "value_field",
        /// How many of the events that wait carry it.
        value_events: Option<i64> = "value_events",
        /// Less may wait: records are finished out of order, and it is not known which.
        waiting_at_most: bool = "waiting_at_most",
        /// Offsets a second that were committed over the last minute.
        velocity: Option<f64> = "velocity",
        /// Time until it has caught up, ms; `None` when it does not.
        eta_ms: Option<i64> = "eta_ms",
        /// Time until the oldest record that waits may be deleted, ms.
        loses_data_in_ms: Option<i64> = "loses_data_in_ms",
        /// Offsets that were deleted before they were passed.
        lost_offsets: i64 = "lost_offsets",
        /// What kind of group it is.
        kind: String = "kind",
        /// How many members it has.
        members: Option<i64> = "members",
        /// It commits in order: one record can hold up all that lie behind it.
        in_order: bool = "in_order",
        /// Where the first record lies that waits on the worst partition.
        coordinates: Option<String> = "coordinates",
        /// Partitions that it reads.
        partitions: i64 = "partitions",
        /// Of these, with a committed offset.
        partitions_known: i64 = "partitions_known",
        /// Width of the bracket in which passed is known, ms; 0 when it is exact.
        resolution_ms: Option<i64> = "resolution_ms",
    }
}

impl LagRow {
    /// States that want a look, whatever the lag.
    const TROUBLE: [&'static str; 4] = ["stuck", "stalled", "rewound", "blocked_by_transaction"];

    /// What stands for the topic of a group of which no offset is known.
    pub const NO_TOPIC: &'static str = "-";

    /// Whether a state wants a look, whatever the lag.
    pub fn is_trouble(state: &str) -> bool {
        Self::TROUBLE.contains(&state)
    }

    /// Whether the group wants a look, whatever its lag.
    pub fn in_trouble(&self) -> bool {
        Self::is_trouble(&self.state)
    }

    /// Whether it acknowledges records one by one, and has no lag in offsets.
    pub fn is_shared(&self) -> bool {
        self.state == "no_offset_lag"
    }

    /// Records that wait: Kafka's number is the upper bound where records cannot be told from markers. None of a share
    /// group: what its broker has yet to deliver is no lag.
    pub fn waits(&self) -> i64 {
        if self.is_shared() { 0 } else { self.lag_records.or(self.lag_offsets).unwrap_or(0) }
    }

    /// The topic by name, or [`Self::NO_TOPIC`].
    pub fn topic_name(&self) -> &str {
        self.topic.as_deref().unwrap_or(Self::NO_TOPIC)
    }
}

row! {
    /// How far one group has come on one partition (`progress`).
    PartitionProgress {
        /// Name of the tapped cluster.
        cluster: String = "cluster",
        /// Partition.
        partition: i64 = "partition",
        /// Next offset that the group will read; `None` when it never committed here.
        committed_offset: Option<i64> = "committed_offset",
        /// The log's end.
        log_end_offset: Option<i64> = "log_end_offset",
        /// Kafka's number.
        lag_offsets: Option<i64> = "lag_offsets",
        /// Readable records that wait.
        lag_records: Option<i64> = "lag_records",
        /// Age of the oldest record that waits, ms.
        lag_ms: Option<i64> = "lag_ms",
        /// How the group stands here.
        state: String = "state",
        /// Topic.
        topic: String = "topic",
        /// The first readable record that waits.
        stands_at: Option<i64> = "stands_at",
        /// Offsets a second that were committed over the last minute.
        velocity: Option<f64> = "velocity",
        /// Time until it has caught up, ms; `None` when it does not.
        eta_ms: Option<i64> = "eta_ms",
        /// Time until the oldest record that waits may be deleted, ms.
        loses_data_in_ms: Option<i64> = "loses_data_in_ms",
        /// What it finished beyond the committed offset.
        beyond: Option<String> = "beyond",
    }
}

row! {
    /// What one group is (`consumer_group`).
    GroupLine {
        /// Name of the tapped cluster.
        cluster: String = "cluster",
        /// The group.
        consumer_group: String = "consumer_group",
        /// What kind it is.
        kind: String = "kind",
        /// What its members do.
        phase: Option<String> = "phase",
        /// How many members it has.
        members: Option<i64> = "members",
        /// Whether the tap may see nothing but its name.
        denied: bool = "denied",
    }
}

row! {
    /// One event that waits for a group (`waiting`).
    WaitingEvent {
        /// Name of the tapped cluster.
        cluster: String = "cluster",
        /// Where it lies.
        coordinates: String = "coordinates",
        /// Its own time.
        time: Timestamp = "time",
        /// Its type, where it says one.
        event_type: Option<String> = "type",
        /// Its id, where it says one.
        id: Option<String> = "id",
        /// How long it waited at the sample, ms.
        age_ms: i64 = "age_ms",
        /// The configured field.
        value: Option<f64> = "value",
    }
}

row! {
    /// What waits for a group, of one type (`waiting_types`).
    WaitingType {
        /// Name of the tapped cluster.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// Its type, where it says one.
        event_type: Option<String> = "type",
        /// Events of it.
        events: i64 = "events",
        /// Their conversations.
        conversations: i64 = "conversations",
        /// Age of the oldest at the sample, ms.
        oldest_ms: i64 = "oldest_ms",
        /// Sum of the configured field.
        value: Option<f64> = "value",
        /// Its name.
        value_field: Option<String> = "value_field",
        /// How many of the events carry it.
        value_events: Option<i64> = "value_events",
    }
}

row! {
    /// A committed offset that went back (`rewinds`).
    RewindLine {
        /// Name of the tapped cluster.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// Partition.
        partition: i64 = "partition",
        /// Where it stood.
        from_offset: i64 = "from_offset",
        /// Where it went.
        to_offset: i64 = "to_offset",
        /// When that was seen at the latest.
        not_after: Timestamp = "not_after",
    }
}

//! Rows of what came again.

use super::super::Table;
use super::{RowError, position, read};
use crate::event::Timestamp;

row! {
    /// One event that came again (`duplicates`).
    Duplicate {
        /// `same_id`: one id twice on a topic; `same_effect`: one cause with such an effect twice.
        kind: String = "kind",
        /// Its topic.
        topic: String = "topic",
        /// Its type.
        event_type: Option<String> = "type",
        /// The event that came again.
        reference: i64 = "ref",
        /// Where it lies.
        coordinates: String = "coordinates",
        /// Where the first lies.
        first_coordinates: String = "first_coordinates",
        /// Where the cause of both lies, where they have one.
        cause_coordinates: Option<String> = "cause_coordinates",
        /// When it was seen.
        seen_time: Timestamp = "seen_time",
        /// 2 for the second.
        nth: i64 = "nth",
        /// Share of ids, or of causes, of this topic and type with one only.
        usual: f64 = "usual",
        /// How many these are.
        known: i64 = "known",
        /// A later cause of the same partition was dealt with before.
        came_back: bool = "came_back",
        /// The group that went back before the cause, where the ledger saw it.
        consumer_group: Option<String> = "consumer_group",
        /// From where.
        from_offset: Option<i64> = "from_offset",
        /// Where to.
        to_offset: Option<i64> = "to_offset",
        /// When.
        rewound_at: Option<Timestamp> = "rewound_at",
        /// Topic of the cause.
        cause_topic: Option<String> = "cause_topic",
        /// Partition of the cause.
        cause_partition: Option<i64> = "cause_partition",
    }
}

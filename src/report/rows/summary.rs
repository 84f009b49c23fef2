//! What `headwater report` asks beyond the public macros.

use super::{RowError, Table, position, read};
use crate::event::Timestamp;

row! {
    /// What kept cases of a flow from being completed, one row a reason (`report_losses`).
    Loss {
        /// The flow.
        flow: String = "flow",
        /// `failed` or `stuck`.
        state: String = "state",
        /// The group that gave up.
        consumer_group: Option<String> = "consumer_group",
        /// Class of the error.
        error_class: Option<String> = "error_class",
        /// What the error said, of the latest.
        error_message: Option<String> = "error_message",
        /// Cases.
        cases: i64 = "cases",
        /// Coordinates of the event that began the latest.
        sample: String = "sample",
    }
}

row! {
    /// How many cases of a flow took how long (`report_durations`).
    DurationBin {
        /// The flow.
        flow: String = "flow",
        /// Longest time of this bin, ms.
        upto_ms: i64 = "upto_ms",
        /// Completed cases.
        cases: i64 = "cases",
    }
}

row! {
    /// One step of the window (`report_series`).
    SeriesRow {
        /// When the step begins.
        time: Timestamp = "time",
        /// Events received.
        received: i64 = "received",
        /// Events of this step that were passed, added up over groups.
        passed: i64 = "passed",
        /// Distinct (event, group) that failed, in the event's step.
        failed: i64 = "failed",
    }
}

row! {
    /// What retention deleted (`report_deleted`).
    Deleted {
        /// Events.
        events: i64 = "events",
        /// When the last of them was seen.
        last_seen: Option<Timestamp> = "last_seen",
    }
}

row! {
    /// Why offsets of a topic hold no event that was seen (`report_not_seen`).
    NotSeen {
        /// Cluster.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// The reason.
        reason: String = "reason",
        /// Partitions.
        partitions: i64 = "partitions",
        /// Offsets.
        missing: i64 = "missing",
        /// Whether these may have held events.
        lost: bool = "lost",
    }
}

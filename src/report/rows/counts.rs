//! What was received, passed and failed, and what became of the business flows.

use super::{RowError, Table, position, read};
use crate::event::Timestamp;

row! {
    /// The headline (`totals`): what every screen, report and dashboard shows.
    Totals {
        /// Records received in the window.
        received: i64 = "received",
        /// Events of the window that groups are beyond now, summed over groups and topics.
        passed: i64 = "passed",
        /// Distinct (record, group) that failed: a lower bound.
        failed: i64 = "failed",
        /// Of these, healed.
        healed: i64 = "healed",
        /// Of these, given up.
        dead: i64 = "dead",
        /// Of these, tried again.
        retrying: i64 = "retrying",
        /// Of these, without a way back to a root.
        orphaned_failures: i64 = "orphaned_failures",
        /// Of these, dead letters that nobody has passed and nothing has healed.
        unattended: i64 = "unattended",
        /// Retry records.
        retried: i64 = "retried",
        /// Events that wait for their cause.
        waiting: i64 = "waiting",
        /// Events whose named cause is not there.
        orphaned: i64 = "orphaned",
        /// Topics that had anything in the window.
        topics: i64 = "topics",
        /// Groups that passed anything of the window, or failed on it.
        groups: i64 = "groups",
        /// Records seen since reading began.
        seen: i64 = "seen",
        /// Offsets without a record since reading began.
        missing: i64 = "missing",
        /// Share of the records that was seen, 0 to 1; `None` while nothing was read.
        coverage: Option<f64> = "coverage",
        /// When the tap saw the first record of the window.
        first_time: Option<Timestamp> = "first_time",
        /// When the tap saw the last record of the window.
        last_time: Option<Timestamp> = "last_time",
    }
}

row! {
    /// What was counted of one topic, or of one group that reads it (`counts`).
    CountRow {
        /// Cluster.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// 0 for the first topic of this name.
        incarnation: i64 = "incarnation",
        /// What the topic is for; `None` for one that only failures name.
        class: Option<String> = "class",
        /// The group; `None` on the topic's own row.
        consumer_group: Option<String> = "consumer_group",
        /// Records received on the topic, on the rows of its groups too.
        received: i64 = "received",
        /// Events that the group has passed; `None` on the topic's own row.
        passed: Option<i64> = "passed",
        /// Distinct (record, group) that failed; on a group's row, its own.
        failed: i64 = "failed",
        /// Of these, healed.
        healed: i64 = "healed",
        /// Retry records; this and all below are `None` on a group's row.
        retried: Option<i64> = "retried",
        /// Events that wait for their cause.
        waiting: Option<i64> = "waiting",
        /// Events whose named cause is not there.
        orphaned: Option<i64> = "orphaned",
        /// Events that name no cause.
        unlinked: Option<i64> = "unlinked",
        /// Records seen since reading began.
        seen: Option<i64> = "seen",
        /// Offsets without a record since reading began.
        missing: Option<i64> = "missing",
        /// Share of the records that was seen, 0 to 1; `None` while nothing was read, too.
        coverage: Option<f64> = "coverage",
    }
}

row! {
    /// One minute of one topic and type (view `minute`).
    MinuteRow {
        /// When it began.
        minute: Timestamp = "minute",
        /// Cluster.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// Type, where the records name one.
        event_type: Option<String> = "type",
        /// Records received.
        received: i64 = "received",
        /// Of these, roots.
        roots: i64 = "roots",
        /// Of these, caused by another, for certain.
        caused: i64 = "caused",
        /// Of these, with a cause that is only inferred.
        inferred: i64 = "inferred",
        /// Of these, naming no cause.
        unlinked: i64 = "unlinked",
        /// Of these, waiting for their cause.
        waiting: i64 = "waiting",
        /// Of these, with a named cause that is not there.
        orphaned: i64 = "orphaned",
        /// Distinct (record, group) that failed.
        failed: i64 = "failed",
        /// Of these, healed.
        healed: i64 = "healed",
        /// Retry records.
        retried: i64 = "retried",
    }
}

row! {
    /// What one group passed of one minute, topic and type (view `passed_minute`).
    PassedMinute {
        /// When the minute of the events began.
        minute: Timestamp = "minute",
        /// Cluster.
        cluster: String = "cluster",
        /// The group.
        consumer_group: String = "consumer_group",
        /// Topic.
        topic: String = "topic",
        /// Type, where the records name one.
        event_type: Option<String> = "type",
        /// Events passed, failed ones included.
        passed: i64 = "passed",
        /// Records on which this group failed.
        failed: i64 = "failed",
    }
}

row! {
    /// Which events lead to which (view `flow`).
    FlowRow {
        /// Cluster.
        cluster: String = "cluster",
        /// Topic of the cause.
        from_topic: String = "from_topic",
        /// Type of the cause.
        from_type: Option<String> = "from_type",
        /// Topic of the effect.
        to_topic: String = "to_topic",
        /// Type of the effect.
        to_type: Option<String> = "to_type",
        /// Why the edges are believed.
        evidence: String = "evidence",
        /// `declared`, `transactional` or `inferred`.
        class: String = "class",
        /// Edges.
        events: i64 = "events",
        /// Half came within so many ms.
        p50_ms: f64 = "p50_ms",
        /// 95 % came within so many ms.
        p95_ms: f64 = "p95_ms",
    }
}

row! {
    /// A business flow as it is configured (`business_flows`).
    BusinessFlowRow {
        /// Its name.
        flow: String = "flow",
        /// Type of the event that starts one.
        started_by: String = "started_by",
        /// Type of the event that completes it.
        completed_by: String = "completed_by",
        /// Older ones are stuck, ms.
        within_ms: i64 = "within_ms",
        /// The topic whose events start it.
        unit_topic: Option<String> = "unit_topic",
    }
}

row! {
    /// What became of one business flow in a window (`business`).
    BusinessRow {
        /// Its name.
        flow: String = "flow",
        /// How many started.
        started: i64 = "started",
        /// Of these, completed.
        completed: i64 = "completed",
        /// Of these, not completed, with a dead failure.
        failed: i64 = "failed",
        /// Of these, neither, and late.
        stuck: i64 = "stuck",
        /// Of these, neither, and not late yet.
        open: i64 = "open",
        /// Completed in proportion to started, 0 to 1; `None` when none started.
        completed_share: Option<f64> = "completed_share",
        /// Half were complete within so many ms.
        p50_ms: Option<f64> = "p50_ms",
        /// 95 % were complete within so many ms.
        p95_ms: Option<f64> = "p95_ms",
        /// Business value of those that failed or are stuck; `None` where no value is read.
        value_lost: Option<f64> = "value_lost",
        /// Share of the records that was seen, 0 to 1.
        coverage: Option<f64> = "coverage",
    }
}

row! {
    /// One that started, and what became of it (`business_cases`).
    BusinessCase {
        /// Name of the flow.
        flow: String = "flow",
        /// The event that started it.
        reference: i64 = "ref",
        /// Its `topic/partition/offset`.
        coordinates: String = "coordinates",
        /// Its conversation.
        conversation: i64 = "conversation",
        /// When it started.
        started: Timestamp = "started",
        /// When it was completed, or failed.
        ended: Option<Timestamp> = "ended",
        /// `completed`, `failed`, `stuck` or `open`.
        state: String = "state",
        /// From start to end, ms.
        took_ms: Option<i64> = "took_ms",
        /// The first dead failure of one that failed.
        failure_ref: Option<i64> = "failure_ref",
        /// Class of its error.
        error_class: Option<String> = "error_class",
        /// What its error said.
        error_message: Option<String> = "error_message",
        /// The group that failed.
        consumer_group: Option<String> = "consumer_group",
    }
}

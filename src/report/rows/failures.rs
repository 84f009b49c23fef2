//! Rows of failures: by signature, one by one, and what hangs on them.

use super::{RowError, Table, position, read};
use crate::event::Timestamp;

row! {
    /// Failures of one kind (`failures`), with all that a list says of them.
    FailureLine {
        /// Distinct (record, group) that failed.
        failures: i64 = "failures",
        /// Time of the first failure record.
        first_time: Timestamp = "first_time",
        /// Time of the latest failure record.
        last_time: Timestamp = "last_time",
        /// The group that failed.
        consumer_group: Option<String> = "consumer_group",
        /// Where it is not known, the groups that it can be.
        candidate_groups: Vec<String> = "candidate_groups",
        /// Class of the error, of the latest.
        error_class: Option<String> = "error_class",
        /// What the error said, of the latest.
        error_message: Option<String> = "error_message",
        /// Topic of the record that failed, of the latest.
        origin_topic: Option<String> = "origin_topic",
        /// Type of the event that the latest comes from.
        root_type: Option<String> = "root_type",
        /// Of these, given up.
        dead: i64 = "dead",
        /// Of these, tried again.
        retrying: i64 = "retrying",
        /// Of these, healed.
        healed: i64 = "healed",
        /// Of these, without a way back to a root.
        orphaned: i64 = "orphaned",
        /// Of these, dead letters that nobody has passed and nothing has healed.
        unattended: i64 = "unattended",
        /// Dead letters that a group has passed and nothing has healed.
        attended: i64 = "attended",
        /// Coordinates of the latest failure record.
        sample: String = "sample",
        /// Same failure, other ids; `other` sums up kinds that have no row of their own.
        signature: String = "signature",
        /// Failures in each twelfth of the window.
        trend: Vec<i64> = "trend",
    }
}

row! {
    /// Something that failures of one signature have in common.
    SignatureFact {
        /// `group`, `root`, `origin`, `healed`, `orphaned`, `letter` or `attended`.
        fact: String = "fact",
        /// The group, type, topic, evidence or reason.
        name: Option<String> = "name",
        /// What else there is to say: why a group is believed.
        note: Option<String> = "note",
        /// How many failures have it.
        failures: i64 = "failures",
    }
}

row! {
    /// One failure of a signature, with all its attempts.
    FailureSample {
        /// The latest failure record.
        reference: i64 = "ref",
        /// Its coordinates.
        coordinates: String = "coordinates",
        /// Coordinates of the record that failed.
        origin: Option<String> = "origin_coordinates",
        /// Coordinates of what everything began with.
        root: Option<String> = "root_coordinates",
        /// Its type.
        root_type: Option<String> = "root_type",
        /// The group that failed.
        consumer_group: Option<String> = "consumer_group",
        /// `retrying`, `dead` or `healed`.
        state: String = "state",
        /// Failure records of it.
        records: i64 = "records",
        /// Attempts, where the records count them.
        attempts: Option<i64> = "attempts",
        /// Time of the latest failure record.
        time: Timestamp = "time",
        /// Why the way back to its root is broken.
        orphan_reason: Option<String> = "orphan_reason",
        /// Why it is believed to have healed.
        healed_evidence: Option<String> = "healed_evidence",
    }
}

row! {
    /// One record of one failure, or the record that failed.
    Attempt {
        /// Its coordinates.
        coordinates: String = "coordinates",
        /// `origin`, or what kind of failure record it is.
        kind: String = "kind",
        /// Number of the attempt, where the record counts it.
        attempt: Option<i64> = "attempt",
        /// Its own time.
        time: Timestamp = "time",
    }
}

row! {
    /// How a failure record stood for a while (`failure_history`).
    FailureStanding {
        /// Since when.
        since: Option<Timestamp> = "since",
        /// Until when; `None` is now.
        until: Option<Timestamp> = "until",
        /// `retrying`, `dead` or `healed`.
        state: String = "state",
        /// The group that was believed to have failed.
        consumer_group: Option<String> = "consumer_group",
        /// Why its way back was broken.
        orphan_reason: Option<String> = "orphan_reason",
        /// Why it was believed to have healed.
        healed_evidence: Option<String> = "healed_evidence",
    }
}

row! {
    /// A fact of what hangs on failures (`blast`, `blast_of`).
    BlastRow {
        /// Which fact: `failure`, `conversation`, `root`, `effect`, `sibling`, `missing`, `waiting`, `seems_healed`, `limit`.
        what: String = "what",
        /// Topic.
        topic: Option<String> = "topic",
        /// Type of the events.
        event_type: Option<String> = "type",
        /// The group that waits, or that failed.
        consumer_group: Option<String> = "consumer_group",
        /// How many events, or failures.
        events: i64 = "events",
        /// How many conversations.
        conversations: Option<i64> = "conversations",
        /// Sum of the configured field, once a conversation.
        value: Option<f64> = "value",
        /// Name of that field.
        value_field: Option<String> = "value_field",
        /// Of so many other events …
        sampled: Option<i64> = "sampled",
        /// … so many have the effect.
        had: Option<i64> = "had",
    }
}

row! {
    /// Dead letters of one topic that nothing has healed (`parked`).
    Parked {
        /// Cluster.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// How many.
        letters: i64 = "letters",
        /// Of these, those that no group has passed.
        unattended: i64 = "unattended",
        /// Timestamp of the oldest in the log.
        oldest_time: Timestamp = "oldest_time",
        /// Their keys and values.
        bytes: Option<i64> = "bytes",
        /// Since when the oldest may be deleted by age.
        first_loss: Option<Timestamp> = "first_loss",
        /// Since when the newest may be.
        last_loss: Option<Timestamp> = "last_loss",
        /// A later record of the same key may take the place of one.
        compacted: bool = "compacted",
        /// Whether the tap may see how long the topic keeps its records.
        retention_known: bool = "retention_known",
    }
}

row! {
    /// Something that cannot be traced back (`orphans`).
    Orphan {
        /// Its coordinates.
        coordinates: String = "coordinates",
        /// Its own time.
        time: Timestamp = "time",
        /// What it is: `event`, `dead_letter`, …
        kind: String = "kind",
        /// Its type.
        event_type: Option<String> = "type",
        /// Why.
        orphan_reason: String = "orphan_reason",
        /// `event` or `failure`.
        what: String = "what",
        /// Of a failure, the group that failed.
        consumer_group: Option<String> = "consumer_group",
        /// Of a failure, its signature.
        signature: Option<String> = "signature",
        /// Of a failure, class of the error.
        error_class: Option<String> = "error_class",
        /// Of a failure, what the error said.
        error_message: Option<String> = "error_message",
    }
}

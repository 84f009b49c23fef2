//! Rows of the audit.

use super::{RowError, Table, position, read};
use crate::event::Timestamp;

row! {
    /// One finding of the audit (`audit`): what is filled in depends on its subject.
    AuditRow {
        /// `inference`, `window`, `topic` or `hop`.
        subject: String = "subject",
        /// Cluster.
        cluster: Option<String> = "cluster",
        /// Topic of the cause.
        from_topic: Option<String> = "from_topic",
        /// Type of the cause.
        from_type: Option<String> = "from_type",
        /// Topic of the effect, or the topic.
        to_topic: Option<String> = "to_topic",
        /// Type of the effect, or the type.
        to_type: Option<String> = "to_type",
        /// Why the causes are believed.
        evidence: Option<String> = "evidence",
        /// Source of the events, or of most effects.
        source: Option<String> = "source",
        /// Convention of most events.
        convention: Option<String> = "convention",
        /// The groups one of which makes the hop.
        consumer_groups: Vec<String> = "consumer_groups",
        /// What the members of the group call themselves.
        clients: Vec<String> = "clients",
        /// The libraries that they look like.
        libraries: Vec<String> = "libraries",
        /// Events that were looked at; effects of a hop.
        events: Option<i64> = "events",
        /// Effects that go on with the trace of their cause.
        trace_kept: Option<i64> = "trace_kept",
        /// Those that begin another.
        trace_restarted: Option<i64> = "trace_restarted",
        /// Those without one.
        trace_lost: Option<i64> = "trace_lost",
        /// Those whose cause has none.
        cause_untraced: Option<i64> = "cause_untraced",
        /// Of the restarted: effects of several causes share the new trace.
        batched: Option<i64> = "batched",
        /// Of the restarted: several effects of one cause share the new trace.
        handled_together: Option<i64> = "handled_together",
        /// Effects with several traces under one name.
        appended: Option<i64> = "appended",
        /// Effects with the correlation id of their cause.
        correlation_kept: Option<i64> = "correlation_kept",
        /// Those with another.
        correlation_switched: Option<i64> = "correlation_switched",
        /// Those without one.
        correlation_lost: Option<i64> = "correlation_lost",
        /// Coordinates of the newest effect that breaks the trace, or switches or loses the correlation id.
        sample: Option<String> = "sample",
        /// Events with a trace that can be read.
        traced: Option<i64> = "traced",
        /// Events with one that cannot.
        malformed_traces: Option<i64> = "malformed_traces",
        /// Events with an id.
        with_id: Option<i64> = "with_id",
        /// Events whose id another had before.
        reused_ids: Option<i64> = "reused_ids",
        /// Events with a correlation id.
        correlated: Option<i64> = "correlated",
        /// Events that name their cause.
        naming_cause: Option<i64> = "naming_cause",
        /// Of these, found.
        resolved: Option<i64> = "resolved",
        /// Of these, waiting.
        waiting: Option<i64> = "waiting",
        /// Of these, orphaned.
        orphaned: Option<i64> = "orphaned",
        /// Why, mostly.
        orphan_reason: Option<String> = "orphan_reason",
        /// Roots, and events that name no cause and of which none was inferred.
        without_cause: Option<i64> = "without_cause",
        /// Events that lack a field of their envelope.
        incomplete: Option<i64> = "incomplete",
        /// Which.
        missing_fields: Vec<String> = "missing_fields",
        /// When the tap saw the first event that was looked at.
        first_time: Option<Timestamp> = "first_time",
        /// When it saw the last.
        last_time: Option<Timestamp> = "last_time",
        /// Older events that were not looked at.
        left_out: Option<i64> = "left_out",
    }
}

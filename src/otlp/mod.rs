//! What was settled, told to an OTLP collector as spans, so that Jaeger, Tempo and others show it beside what services
//! tell themselves.
//!
//! - [`names`]: the names of OpenTelemetry's semantic conventions that are used, in one table.
//! - [`ids`]: ids of traces and spans, which follow from where a record lies.
//! - [`spans`]: entries of the outbox -> spans: pure.
//! - [`sink`]: one request to a collector, and what its answer means.
//! - [`exporter`]: the thread that turns the outbox's pages, sends them and moves the cursor.
//! - [`metrics`]: the tap's own counters as OTLP metrics.
//!
//! **What a trace is.** One conversation is one trace. An event is a span of kind PRODUCER, whose parent is its first
//! declared cause; a group that passed it is a span of kind CONSUMER below it. What is known later, weaker or from
//! elsewhere is a link: a late cause, an inferred one, the record's own `traceparent`. A failure record is an ERROR.
//!
//! **What is promised.** Everything that is settled while a collector is named is told once: the outbox lies in the
//! database and its cursor moves after the collector took a request. A crash between the two sends the same bytes again,
//! under the same ids.

pub mod exporter;
pub mod ids;
pub mod metrics;
pub mod names;
pub mod sink;
pub mod spans;
#[cfg(test)]
mod tests;

pub use exporter::{Ended, Exporter, Progress, STOP_PATIENCE};
pub use metrics::Metering;
pub use sink::GrpcSink;

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The collector's address is none.
    #[error("`{url}` is no address of a collector: {reason}; give one such as http://127.0.0.1:4317")]
    Address {
        /// What was given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The headers for the collector are not understood. Their values are secrets and are not repeated.
    #[error("{variable} is not understood: {reason}; write it as name=value,name=value with values percent-encoded")]
    Headers {
        /// The environment variable.
        variable: &'static str,
        /// Why not.
        reason: String,
    },
    /// The thread that sends could not be started.
    #[error("cannot start the exporter: {0}; free some memory or threads, or start without --otlp")]
    Start(#[source] std::io::Error),
    /// The tap's own metrics cannot be sent.
    #[error("cannot send the tap's own metrics to {url}: {reason}; correct --telemetry, or leave it out")]
    Metrics {
        /// Where to.
        url: String,
        /// Why not.
        reason: String,
    },
}

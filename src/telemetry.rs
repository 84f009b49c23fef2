//! The tap's own counters and logging.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the tap counts about itself outside the core. A closed set: each name is a row of the `tap` view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Bytes of fetch answers.
    FetchedBytes = 0,
    /// Fetch answers.
    Fetches = 1,
    /// Connections that broke and were made again.
    Reconnects = 2,
    /// Milliseconds that brokers asked us to wait.
    ThrottledMs = 3,
    /// Milliseconds that fetch threads waited for a full pipeline.
    BlockedMs = 4,
    /// Errors that brokers answered with.
    BrokerErrors = 5,
    /// Queries answered by the door.
    Queries = 6,
    /// Queries that were refused or failed.
    QueriesFailed = 7,
    /// Headers that were not looked at, because their record has more than the limit.
    HeadersCut = 8,
    /// Spans that a collector took.
    SpansSent = 9,
    /// Spans that a collector refused for good.
    SpansRejected = 10,
    /// Requests to a collector that were tried again.
    SpanRetries = 11,
    /// Entries of the outbox that were not sent yet.
    OutboxWaiting = 12,
}

impl Counter {
    /// All counters, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::FetchedBytes,
        Self::Fetches,
        Self::Reconnects,
        Self::ThrottledMs,
        Self::BlockedMs,
        Self::BrokerErrors,
        Self::Queries,
        Self::QueriesFailed,
        Self::HeadersCut,
        Self::SpansSent,
        Self::SpansRejected,
        Self::SpanRetries,
        Self::OutboxWaiting,
    ];

    /// The name in the `tap` view.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FetchedBytes => "fetched_bytes",
            Self::Fetches => "fetches",
            Self::Reconnects => "reconnects",
            Self::ThrottledMs => "throttled_ms",
            Self::BlockedMs => "blocked_ms",
            Self::BrokerErrors => "broker_errors",
            Self::Queries => "queries",
            Self::QueriesFailed => "queries_failed",
            Self::HeadersCut => "headers_cut",
            Self::SpansSent => "spans_sent",
            Self::SpansRejected => "spans_rejected",
            Self::SpanRetries => "span_retries",
            Self::OutboxWaiting => "outbox_waiting",
        }
    }

    /// True for what goes up and down.
    pub const fn is_gauge(self) -> bool {
        matches!(self, Self::OutboxWaiting)
    }
}

/// One set of counters, shared by the stages of one tap.
#[derive(Debug, Default)]
pub struct Counters([AtomicU64; Counter::ALL.len()]);

impl Counters {
    /// Adds `n` to `counter`.
    pub fn add(&self, counter: Counter, n: u64) {
        self.0[counter as usize].fetch_add(n, Relaxed);
    }

    /// Sets `counter`, which goes up and down, to `n`.
    pub fn set(&self, counter: Counter, n: u64) {
        self.0[counter as usize].store(n, Relaxed);
    }

    /// The value of `counter` since start.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Relaxed)
    }
}

/// Sends log lines to stderr; `HEADWATER_LOG` sets the level (default `warn`).
pub fn init_logging() {
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("HEADWATER_LOG").unwrap_or_else(|_| "headwater=warn".into());
    // A second call, as in tests, finds a logger in place: that one stays.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

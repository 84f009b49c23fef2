//! The tap's own counters and logging.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
}

impl Counter {
    /// All counters, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::FetchedBytes,
        Self::Fetches,
        Self::Reconnects,
        Self::ThrottledMs,
        Self::BlockedMs,
        Self::BrokerErrors,
        Self::Queries,
        Self::QueriesFailed,
        Self::HeadersCut,
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
        }
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
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Log).try_init();
}

/// Most bytes of log lines that are held back while a screen is shown.
const HELD_MAX: usize = 256 << 10;

/// Log lines that are held back, while they are.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Holds log lines back: they would be written across a screen.
pub fn hold_log() {
    held().get_or_insert_default();
}

/// Writes the lines that were held back, and all others from now on.
pub fn release_log() {
    if let Some(lines) = held().take() {
        // Nobody is left to tell when stderr is gone.
        let _ = std::io::stderr().write_all(&lines);
    }
}

fn held() -> MutexGuard<'static, Option<Vec<u8>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stderr, or what is held back.
struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match held().as_mut() {
            Some(lines) => {
                let room = HELD_MAX.saturating_sub(lines.len());
                lines.extend_from_slice(&bytes[..bytes.len().min(room)]);
                Ok(bytes.len())
            }
            None => std::io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

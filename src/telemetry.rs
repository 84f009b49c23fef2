//! The tap's own counters and logging.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    /// Bytes of records that followers gave, not leaders.
    FollowerBytes = 13,
    /// Schemas that a registry gave.
    SchemasFetched = 14,
    /// Schema ids that a registry did not give, or not as a schema.
    SchemasRefused = 15,
    /// Times that no registry answered.
    RegistryFailures = 16,
    /// Bytes of answers that were asked for because of one record in them.
    RereadBytes = 17,
    /// Commits and deletions of them that the cluster's own log of commits told.
    CommitsLogged = 18,
    /// Records of that log whose type or version is not known.
    CommitsUnknown = 19,
    /// How long the last sample of groups and log ends took, in milliseconds.
    GroupSampleMs = 20,
    /// Samples of groups and log ends.
    GroupSamples = 21,
    /// Those among them that a broker did not answer for in full.
    GroupSamplesPartial = 22,
    /// Groups of which the last sample may see nothing but the name.
    GroupsDenied = 23,
}

impl Counter {
    /// All counters, in the order of their numbers.
    pub const ALL: [Self; 24] = [
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
        Self::FollowerBytes,
        Self::SchemasFetched,
        Self::SchemasRefused,
        Self::RegistryFailures,
        Self::RereadBytes,
        Self::CommitsLogged,
        Self::CommitsUnknown,
        Self::GroupSampleMs,
        Self::GroupSamples,
        Self::GroupSamplesPartial,
        Self::GroupsDenied,
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
            Self::FollowerBytes => "follower_bytes",
            Self::SchemasFetched => "schemas_fetched",
            Self::SchemasRefused => "schemas_refused",
            Self::RegistryFailures => "registry_failures",
            Self::RereadBytes => "reread_bytes",
            Self::CommitsLogged => "commits_logged",
            Self::CommitsUnknown => "commits_unknown",
            Self::GroupSampleMs => "group_sample_ms",
            Self::GroupSamples => "group_samples",
            Self::GroupSamplesPartial => "group_samples_partial",
            Self::GroupsDenied => "groups_denied",
        }
    }

    /// True for what goes up and down.
    pub const fn is_gauge(self) -> bool {
        matches!(self, Self::OutboxWaiting | Self::GroupSampleMs | Self::GroupsDenied)
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

/// Signs of life of the stages. Time is given by whoever has a clock.
#[derive(Debug)]
pub struct Pulse(Mutex<Signs>);

#[derive(Debug)]
struct Signs {
    core_moved: Instant,
    last_commit: Instant,
    /// Commits on their way to the database, and since when the first of them.
    on_the_way: u64,
    waiting_since: Instant,
    stalled: Stalled,
    ended: Option<&'static str>,
}

/// Partitions that have records of which none is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stalled {
    /// How many.
    pub partitions: usize,
    /// Since when the longest is so.
    pub length: Duration,
}

/// How the stages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Time since the last commit, or since the start.
    pub commit_age: Duration,
    /// How long the oldest data has waited for its commit; `None` when none waits.
    pub unwritten: Option<Duration>,
    /// Time since the core last moved.
    pub silence: Duration,
    /// What the last sample of the log ends showed.
    pub stalled: Stalled,
    /// A stage that has ended.
    pub ended: Option<&'static str>,
}

impl Pulse {
    /// Everything begins at `now`.
    pub fn new(now: Instant) -> Self {
        let signs = Signs {
            core_moved: now,
            last_commit: now,
            on_the_way: 0,
            waiting_since: now,
            stalled: Stalled::default(),
            ended: None,
        };
        Self(Mutex::new(signs))
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The core is at work.
    pub fn core_moved(&self, now: Instant) {
        self.signs().core_moved = now;
    }

    /// A commit leaves the core.
    pub fn commit_sent(&self, now: Instant) {
        let mut signs = self.signs();
        if signs.on_the_way == 0 {
            signs.waiting_since = now;
        }
        signs.on_the_way += 1;
    }

    /// A commit is in the database.
    pub fn commit_written(&self, now: Instant) {
        let mut signs = self.signs();
        signs.on_the_way = signs.on_the_way.saturating_sub(1);
        (signs.last_commit, signs.waiting_since) = (now, now);
    }

    /// The last sample of the log ends showed this.
    pub fn stalled(&self, stalled: Stalled) {
        self.signs().stalled = stalled;
    }

    /// A stage has ended, in order or not; the first one is kept.
    pub fn ended(&self, stage: &'static str) {
        self.signs().ended.get_or_insert(stage);
    }

    /// How everything is at `now`.
    pub fn health(&self, now: Instant) -> Health {
        let signs = self.signs();
        Health {
            commit_age: now.saturating_duration_since(signs.last_commit),
            unwritten: (signs.on_the_way > 0).then(|| now.saturating_duration_since(signs.waiting_since)),
            silence: now.saturating_duration_since(signs.core_moved),
            stalled: signs.stalled,
            ended: signs.ended,
        }
    }
}

/// Target of the lines that tell how far a long work has come; they are shown by default.
pub const PROGRESS: &str = "headwater::progress";

/// Sends log lines to stderr; `HEADWATER_LOG` sets the level (default `warn`, and progress).
pub fn init_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HEADWATER_LOG")
        .unwrap_or_else(|_| "headwater=warn,headwater::progress=info".into());
    // A second call, as in tests, finds a logger in place: that one stays.
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(coloured).with_writer(|| Log);
    let _ = log.try_init();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn a_pulse_tells_what_waits_and_since_when() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let pulse = Pulse::new(begun);
        assert_eq!(pulse.health(at(5)).unwritten, None, "nothing was sent");
        pulse.commit_sent(at(10));
        pulse.commit_sent(at(12));
        assert_eq!(pulse.health(at(20)).unwritten, Some(Duration::from_secs(10)));
        pulse.commit_written(at(21));
        assert_eq!(pulse.health(at(22)).unwritten, Some(Duration::from_secs(1)));
        pulse.commit_written(at(23));
        pulse.core_moved(at(24));
        let health = pulse.health(at(30));
        assert_eq!((health.unwritten, health.commit_age), (None, Duration::from_secs(7)));
        assert_eq!(health.silence, Duration::from_secs(6));
        pulse.ended("writer");
        pulse.ended("core");
        assert_eq!(pulse.health(at(31)).ended, Some("writer"));
    }
}

//! One cluster of a tap: its reader and its sampler. Where a tap reads several, one that cannot be reached is tried
//! again while the others are read.

use super::clock;
use super::commit_log::{COMMIT_LOG, CommitLog, LogEnd};
use super::pipeline::{Ask, Input};
use super::plan::{TapPlan, WithLog};
use super::sampling::Sampling;
use crate::kafka::{self, Admin, Held, Plan, Reader, SinkFactory};
use crate::telemetry::PROGRESS;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

/// How soon a cluster that could not be reached is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Site {
    pub settings: kafka::Settings,
    pub plan: Arc<TapPlan>,
    pub sinks: SinkFactory,
    /// Groups to sample; empty = those that the cluster lists.
    pub groups: Vec<String>,
    /// Its log of commits, unless that is not wanted.
    pub log: Option<Arc<CommitLog>>,
    pub interval: Duration,
    pub asks: Receiver<Ask>,
    pub core: SyncSender<Input>,
}

/// A cluster that is read.
pub(super) struct Opened {
    admin: Admin,
    reader: Reader,
    /// Its log of commits, if that is read.
    log: Option<Arc<CommitLog>>,
}

impl Site {
    /// Starts reading.
    pub fn open(&self, mut admin: Admin) -> Result<Opened, kafka::Error> {
        let log = self.log.clone().filter(|_| self.may_read_log(&mut admin));
        let plan: Arc<dyn Plan> = match log {
            Some(_) => Arc::new(WithLog(self.plan.clone())),
            None => self.plan.clone(),
        };
        let reader = Reader::start(self.settings.clone(), plan, self.sinks.clone())?;
        Ok(Opened { admin, reader, log })
    }

    /// Says how commits are learned. Where the log of them is not there yet, it is read once it is.
    fn may_read_log(&self, admin: &mut Admin) -> bool {
        let held = admin.may_read(COMMIT_LOG).unwrap_or_else(|error| {
            tracing::debug!(%error, "whether the log of commits may be read stays unknown");
            Some(Held::Unknown)
        });
        let cluster = &self.settings.cluster;
        let every = self.interval;
        match held {
            Some(Held::No) => tracing::info!(
                target: PROGRESS, cluster, ?every,
                "commits are sampled, and passes known to that: no READ on {COMMIT_LOG}, which tells each exactly"
            ),
            Some(_) => tracing::info!(target: PROGRESS, cluster, "every commit is read from {COMMIT_LOG}"),
            None => tracing::info!(
                target: PROGRESS, cluster, ?every,
                "commits are sampled: {COMMIT_LOG} does not show, for want of DESCRIBE or of groups; it is read once it does"
            ),
        }
        held != Some(Held::No)
    }

    /// Samples until it is told to stop. Without what [`Self::open`] gives, it is tried again and again first.
    pub fn run(self, opened: Option<Opened>) -> Result<(), kafka::Error> {
        let Some(Opened { admin, reader, log }) = opened.or_else(|| self.open_in_time()) else { return Ok(()) };
        let log = log.map(LogEnd::new);
        let Self { settings, plan, groups, interval, asks, core, .. } = self;
        Sampling { admin, plan, groups, log, asks, core, interval, counters: settings.counters }.run(reader)
    }

    fn open_in_time(&self) -> Option<Opened> {
        let mut failures = 0_u64;
        loop {
            if self.rest() {
                return None;
            }
            match Admin::connect(&self.settings).and_then(|admin| self.open(admin)) {
                Ok(opened) => {
                    tracing::warn!(cluster = self.settings.cluster, "the cluster is there now, reading begins");
                    return Some(opened);
                }
                Err(error) => {
                    failures += 1;
                    if failures.is_power_of_two() {
                        let cluster = &self.settings.cluster;
                        tracing::warn!(cluster, %error, failures, "the cluster cannot be reached, trying again");
                    }
                }
            }
        }
    }

    /// Waits for the next try, and answers meanwhile that nothing can be sampled. True when the tap stops.
    fn rest(&self) -> bool {
        let until = clock::instant() + TRY_AGAIN;
        while !self.settings.stop.load(Relaxed) {
            match self.asks.recv_timeout(until.saturating_duration_since(clock::instant())) {
                // A closed channel means that the tap is stopping.
                Ok(Ask::Barrier(_)) => _ = self.core.send(Input::Barrier(None)),
                Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
        true
    }
}

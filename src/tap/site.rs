//! One cluster of a tap: its reader and its sampler. Where a tap reads several, one that cannot be reached is tried
//! again while the others are read.

use super::clock;
use super::pipeline::{Ask, Input};
use super::plan::TapPlan;
use super::sampling::Sampling;
use crate::kafka::{self, Admin, Reader, SinkFactory};
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
    pub interval: Duration,
    pub asks: Receiver<Ask>,
    pub core: SyncSender<Input>,
}

impl Site {
    /// Starts reading.
    pub fn open(&self, admin: Admin) -> Result<(Admin, Reader), kafka::Error> {
        let reader = Reader::start(self.settings.clone(), self.plan.clone(), self.sinks.clone())?;
        Ok((admin, reader))
    }

    /// Samples until it is told to stop. Without what [`Self::open`] gives, it is tried again and again first.
    pub fn run(self, opened: Option<(Admin, Reader)>) -> Result<(), kafka::Error> {
        let Some((admin, reader)) = opened.or_else(|| self.open_in_time()) else { return Ok(()) };
        let Self { settings, plan, groups, interval, asks, core, .. } = self;
        Sampling { admin, plan, groups, asks, core, interval, counters: settings.counters }.run(reader)
    }

    fn open_in_time(&self) -> Option<(Admin, Reader)> {
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

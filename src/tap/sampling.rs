//! The sampler thread: barriers when the core asks, groups and log ends on an interval.

use super::clock;
use super::commit_log::LogEnd;
use super::pipeline::{Ask, Input};
use super::plan::{TapPlan, WithLog};
use crate::event::{Epoch, GroupSample};
use crate::kafka::{self, Admin, Plan, Reader};
use crate::telemetry::{Counter, Counters};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

/// When the second sample is taken, if the interval is longer.
const SECOND_SAMPLE: Duration = Duration::from_secs(1);

/// What the sampler works with.
pub(super) struct Sampling {
    pub admin: Admin,
    pub plan: Arc<TapPlan>,
    /// Groups to sample; empty = those that the cluster lists.
    pub groups: Vec<String>,
    /// The log of commits, where it is read.
    pub log: Option<LogEnd>,
    pub asks: Receiver<Ask>,
    pub core: SyncSender<Input>,
    pub interval: Duration,
    pub counters: Arc<Counters>,
}

impl Sampling {
    /// Runs until it is told to stop, waits for the reader, and takes one last sample. The first one comes before much
    /// was read, so that the second follows soon.
    pub fn run(mut self, reader: Reader) -> Result<(), kafka::Error> {
        let mut due = clock::instant();
        let mut pause = SECOND_SAMPLE.min(self.interval);
        loop {
            match self.asks.recv_timeout(due.saturating_duration_since(clock::instant())) {
                Ok(Ask::Barrier(epoch)) => self.barrier(epoch),
                Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.groups();
                    due = clock::instant() + std::mem::replace(&mut pause, self.interval);
                }
            }
        }
        let reading = reader.join();
        self.groups();
        reading
    }

    fn barrier(&mut self, epoch: Epoch) {
        let sample = self.admin.barrier(epoch, &*self.plan);
        if let Err(error) = &sample {
            tracing::warn!(%error, "the stable ends could not be sampled; the verdicts that wait for them wait on");
        }
        // A closed channel means that the tap is stopping.
        let _ = self.core.send(Input::Barrier(sample.ok()));
    }

    fn groups(&mut self) {
        let with_log = WithLog(self.plan.clone());
        let plan: &dyn Plan = if self.log.is_some() { &with_log } else { &*self.plan };
        match self.admin.groups(&self.groups, plan, clock::now()) {
            Ok(mut sample) => {
                if let Some(log) = &mut self.log {
                    log.judge(&mut sample);
                }
                self.count(&sample);
                let _ = self.core.send(Input::Groups(sample));
            }
            Err(error) => tracing::warn!(%error, "the groups could not be sampled; the next sample tries again"),
        }
    }

    fn count(&self, sample: &GroupSample) {
        self.counters.set(Counter::GroupSampleMs, sample.took_ms.unsigned_abs());
        self.counters.add(Counter::GroupSamples, 1);
        self.counters.add(Counter::GroupSamplesPartial, u64::from(!sample.complete));
        self.counters.set(Counter::GroupsDenied, sample.denied.len() as u64);
    }
}

//! What leaves the tap besides answers: spans to a collector, and its own counters. Both only when asked for.

use crate::config::TapConfig;
use crate::event::{Changes, CounterRow};
use crate::otlp::{Exporter, Metering, Progress, STOP_PATIENCE};
use crate::store::Readers;
use crate::telemetry::{Counter, Counters};
use std::sync::Arc;

/// What runs.
pub(super) struct Telling {
    exporter: Option<Exporter>,
    metering: Option<Metering>,
    /// How far the outbox was sent, for the core to have it written.
    pub progress: Progress,
    counters: Arc<Counters>,
}

impl Telling {
    /// Starts what `config` asks for.
    pub fn start(config: &TapConfig, readers: &Readers, counters: &Arc<Counters>) -> anyhow::Result<Self> {
        let progress = Progress::default();
        let export = |url: &String| Exporter::start(url, readers.clone(), progress.clone(), counters.clone());
        let exporter = config.otlp.as_ref().map(export).transpose()?;
        let metering = config.telemetry.as_ref().map(|url| Metering::start(url, counters)).transpose()?;
        Ok(Self { exporter, metering, progress, counters: counters.clone() })
    }

    /// Sends what is left, within a bounded time. Gives the entries that stay in the outbox for the next start, and what
    /// has to be written of it.
    pub fn stop(self) -> (u64, Changes) {
        let told = self.exporter.is_some();
        let ended = self.exporter.and_then(|exporter| exporter.finish(STOP_PATIENCE));
        if let Some(metering) = self.metering {
            metering.stop();
        }
        let count = |counter: Counter| CounterRow {
            name: counter.as_str().to_owned(),
            value: self.counters.get(counter) as f64,
        };
        let counters = if told { Counter::ALL.map(count).into() } else { Vec::new() };
        let last = Changes { sent: self.progress.take(), counters, ..Changes::default() };
        (ended.map_or(0, |ended| ended.left), last)
    }
}

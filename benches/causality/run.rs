//! The resolver under measurement.

use super::score::Score;
use super::{SLICE, resident};
use crate::cpu;
use crate::median;
use crate::support::generator::{Batch, Options, Reader, Source};
use headwater::causality::Resolver;
use headwater::event::{Changes, HashKey};
use serde_json::{Value, json};
use std::time::Instant;

/// What keys the index.
pub const KEY: HashKey = HashKey([9; 16]);

/// What slices took.
#[derive(Debug, Default)]
pub struct Slices {
    /// ms of each.
    times: Vec<f64>,
    cpu: f64,
    events: u64,
}

impl Slices {
    /// Times `work` on so many events.
    pub fn take(&mut self, events: usize, work: impl FnOnce()) {
        let (begun, spent) = (Instant::now(), cpu::of_self());
        work();
        self.cpu += cpu::of_self() - spent;
        // The last slice may be short: it says nothing of the others.
        if events >= SLICE {
            self.times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        self.events += events as u64;
    }

    /// ns of CPU an event.
    pub fn cpu_ns(&self) -> f64 {
        self.cpu * 1e9 / self.events.max(1) as f64
    }

    /// The slowest and the middling slice, in ms.
    pub fn worst_and_median(&self) -> (f64, f64) {
        (self.times.iter().copied().fold(0.0, f64::max), median(self.times.clone()))
    }
}

/// Runs the resolver over the stream and scores what it says.
pub fn resolver(options: Options) -> Value {
    let begun = Instant::now();
    let mut source = Source::new(options);
    let (mut batch, mut reader, mut score) = (Batch::default(), Reader::default(), Score::default());
    let (mut slices, mut changes) = (Slices::default(), Changes::default());
    let mut more = source.fill(&mut batch, SLICE);
    let before = resident();
    let mut resolver = Resolver::new(KEY);
    let mut most = before;
    while more {
        score.note(&batch);
        slices.take(batch.records.len(), || {
            reader.read(&mut resolver, (&batch, source.stream()), &mut changes);
            resolver.commit(&mut changes);
        });
        score.take(&std::mem::take(&mut changes));
        most = most.max(resident());
        more = source.fill(&mut batch, SLICE);
    }
    resolver.end_of_input(&mut changes);
    resolver.commit(&mut changes);
    score.take(&changes);
    let limits = resolver.limits();
    score.say(limits.ids_dropped);
    let live = score.ids.saturating_sub(limits.ids_dropped);
    let held = most - before - score.megabytes();
    let (worst, middling) = slices.worst_and_median();
    let mut said = score.figures(limits.ids_dropped);
    let own = json!({
        "live_event": held * 1024.0 * 1024.0 / live.max(1) as f64, "live_events": live, "rss_mb": held.round(),
        "ids_dropped": limits.ids_dropped, "stall": worst - middling, "worst_ms": round(worst),
        "median_ms": round(middling), "cpu": slices.cpu_ns(), "seconds": begun.elapsed().as_secs(),
        "samples": reader.samples, "hub_members": limits.hub_members, "repeated_ids": limits.repeated_ids,
    });
    merge(&mut said, own);
    said
}

/// Two digits are enough of what is only explained.
pub fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Adds the members of `more` to those of `all`.
pub fn merge(all: &mut Value, more: Value) {
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
}

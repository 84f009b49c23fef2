//! What runs on the fetch threads: batches are decoded in place, and what one answer gave goes to the core at once.

use super::pipeline::Input;
use crate::decode::Decoder;
use crate::event::{Envelopes, GapReason, Segment, Start, Timestamp};
use crate::kafka::{Batch, BatchSink, Content};
use crate::telemetry::{Counter, Counters};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};

/// Decodes what one fetch thread reads.
pub(super) struct Reading {
    decoder: Decoder,
    read: Box<Envelopes>,
    core: SyncSender<Input>,
    /// Emptied reads come back here, so that their memory is used again.
    empties: (SyncSender<Box<Envelopes>>, Receiver<Box<Envelopes>>),
    counters: Arc<Counters>,
}

/// Reads in flight between one fetch thread and the core whose memory is kept.
const READS_KEPT: usize = 4;

impl Reading {
    pub fn new(decoder: Decoder, core: SyncSender<Input>, counters: Arc<Counters>) -> Self {
        let empties = std::sync::mpsc::sync_channel(READS_KEPT);
        Self { decoder, read: Box::default(), core, empties, counters }
    }
}

impl BatchSink for Reading {
    fn start(&mut self, start: Start) {
        self.read.starts.push(start);
    }

    fn batch(&mut self, batch: Batch<'_>) {
        let first = self.read.rows.len() as u32;
        let missing = match batch.content {
            Content::Missing(reason) => reason,
            Content::Records(records) => {
                let (decoder, read) = (&mut self.decoder, &mut *self.read);
                let whole = records.for_each(&mut |record| decoder.decode(batch.partition, record, read));
                if whole { GapReason::Compacted } else { GapReason::Corrupt }
            }
        };
        self.read.segments.push(Segment {
            partition: batch.partition.clone(),
            producer: batch.producer,
            covers: batch.covers,
            rows: first..self.read.rows.len() as u32,
            missing,
        });
    }

    fn flush(&mut self, seen: Timestamp) -> ControlFlow<()> {
        if self.read.is_empty() {
            return ControlFlow::Continue(());
        }
        self.read.seen = seen;
        let next = self.empties.1.try_recv().unwrap_or_default();
        let full = std::mem::replace(&mut self.read, next);
        let input = Input::Read(full, Some(self.empties.0.clone()));
        let sent = match self.core.try_send(input) {
            Err(TrySendError::Full(input)) => {
                let before = super::clock::instant();
                let sent = self.core.send(input).is_ok();
                self.counters.add(Counter::BlockedMs, before.elapsed().as_millis() as u64);
                sent
            }
            other => other.is_ok(),
        };
        if sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

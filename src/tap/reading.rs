//! What runs on the fetch threads: batches are decoded in place, and what one answer gave goes to the core at once.

use super::pipeline::Input;
use crate::decode::Decoder;
use crate::event::{Envelopes, GapReason, Segment, Start, Timestamp};
use crate::kafka::{Batch, BatchSink, Content};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender};

/// Decodes what one fetch thread reads.
pub(super) struct Reading {
    decoder: Decoder,
    read: Box<Envelopes>,
    core: SyncSender<Input>,
    /// Emptied reads come back here, so that their memory is used again.
    empties: (SyncSender<Box<Envelopes>>, Receiver<Box<Envelopes>>),
}

/// Reads in flight between one fetch thread and the core whose memory is kept.
const READS_KEPT: usize = 4;

impl Reading {
    pub fn new(decoder: Decoder, core: SyncSender<Input>) -> Self {
        let empties = std::sync::mpsc::sync_channel(READS_KEPT);
        Self { decoder, read: Box::default(), core, empties }
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
        match self.core.send(Input::Read(full, Some(self.empties.0.clone()))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

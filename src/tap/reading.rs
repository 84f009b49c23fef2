//! What runs on the fetch threads: batches are decoded in place, and what one answer gave goes to the core at once.

use super::commit_log::{COMMIT_LOG, CommitLog, LogReading};
use super::pipeline::Input;
use crate::decode::Decoder;
use crate::event::{Envelopes, GapReason, Segment, Start, Timestamp, TopicPartition};
use crate::kafka::{Batch, BatchSink, Content};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

/// Decodes what one fetch thread reads.
pub(super) struct Reading {
    decoder: Decoder,
    /// The cluster's log of commits, where it is read.
    log: Option<LogReading>,
    read: Box<Envelopes>,
    core: SyncSender<Input>,
    /// Emptied reads come back here, so that their memory is used again.
    empties: (SyncSender<Box<Envelopes>>, Receiver<Box<Envelopes>>),
}

/// Reads in flight between one fetch thread and the core whose memory is kept.
const READS_KEPT: usize = 4;

impl Reading {
    pub fn new(decoder: Decoder, log: Option<Arc<CommitLog>>, core: SyncSender<Input>) -> Self {
        let empties = std::sync::mpsc::sync_channel(READS_KEPT);
        Self { decoder, log: log.map(LogReading::new), read: Box::default(), core, empties }
    }

    /// Where `partition` is read, if it is one of the log of commits.
    fn log_of(&mut self, partition: &TopicPartition) -> Option<(&mut LogReading, &mut Envelopes)> {
        let log = self.log.as_mut().filter(|_| *partition.topic == *COMMIT_LOG)?;
        Some((log, &mut self.read))
    }

    fn handed_over(&mut self) -> ControlFlow<()> {
        if let Some(log) = &mut self.log {
            log.handed_over();
        }
        ControlFlow::Continue(())
    }
}

impl BatchSink for Reading {
    fn start(&mut self, start: Start) {
        match self.log_of(&start.partition) {
            Some((log, _)) => log.start(start),
            None => self.read.starts.push(start),
        }
    }

    fn batch(&mut self, batch: Batch<'_>) {
        if let Some((log, read)) = self.log_of(batch.partition) {
            return log.batch(batch, (&mut read.commits, &mut read.clients));
        }
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
            return self.handed_over();
        }
        self.read.seen = seen;
        let next = self.empties.1.try_recv().unwrap_or_default();
        let full = std::mem::replace(&mut self.read, next);
        match self.core.send(Input::Read(full, Some(self.empties.0.clone()))) {
            Ok(()) => self.handed_over(),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

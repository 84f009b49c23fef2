//! Made records as the causality stage takes them.

use super::flow::{Made, What};
use super::source::{Batch, Step};
use super::stream::Stream;
use headwater::causality::{Arrival, Horizon, Named, Resolver};
use headwater::event::{
    BarrierSample, Changes, EventRef, EventRow, FailureKind, FailureNotice, Kind, Origin, Resolution, Timestamp,
};
use std::collections::HashMap;

/// Rows whose ids are looked for ahead, as the core does.
const WARM_ROWS: usize = 16;
/// The offset that is read next where nothing was read.
const UNREAD: i64 = 0;

/// What the record is, as it would be decoded.
pub fn kind(made: &Made) -> Kind {
    match made.what {
        What::Retry => Kind::Retry,
        What::DeadLetter => Kind::DeadLetter,
        _ => Kind::Event,
    }
}

/// What a failed record says of its failure.
fn notice(made: &Made, stream: &Stream) -> Option<FailureNotice> {
    let kind = match made.what {
        What::Retry => FailureKind::Retry,
        What::DeadLetter => FailureKind::DeadLetter,
        _ => return None,
    };
    let origin = made.failed.map(|failed| {
        let place = stream.places()[failed.ordinal().0 as usize];
        Origin { topic: stream.topic_name(place.topic), partition: place.partition, offset: failed.offset() }
    });
    Some(FailureNotice {
        kind,
        origin,
        origin_topic: None,
        doubtful: false,
        group: Some(format!("service-{:02}", made.service)),
        attempt: None,
        error_class: None,
        error_message: None,
    })
}

/// Reads batches into a resolver, as the core of a tap would.
#[derive(Debug, Default)]
pub struct Reader {
    /// The offset that is read next, by ordinal.
    next: Vec<i64>,
    /// Barrier samples that were taken.
    pub samples: u64,
}

impl Reader {
    /// Reads one batch: decided is what `changes` gets.
    pub fn read(&mut self, resolver: &mut Resolver, (batch, stream): (&Batch, &Stream), changes: &mut Changes) {
        for step in &batch.steps {
            match step {
                Step::Read { ordinal, seen, rows, next } => {
                    self.rows(resolver, (&batch.records[rows.clone()], *seen), stream, changes);
                    let at = ordinal.0 as usize;
                    self.next.resize(self.next.len().max(at + 1), UNREAD);
                    self.next[at] = *next;
                    resolver.advance(*ordinal, *next, changes);
                }
                Step::Barrier(ahead) => {
                    let Some(epoch) = resolver.ask_barrier() else { continue };
                    self.samples += 1;
                    let sample = BarrierSample { epoch, ..BarrierSample::default() };
                    resolver.barrier(&sample, (ahead, ahead.iter().copied().collect::<HashMap<_, _>>()), changes);
                }
            }
        }
    }

    fn rows(&self, resolver: &mut Resolver, (records, seen): (&[Made], i64), stream: &Stream, changes: &mut Changes) {
        for (at, made) in records.iter().enumerate() {
            if at.is_multiple_of(WARM_ROWS) {
                let ahead = &records[at..records.len().min(at + WARM_ROWS)];
                let warm = ahead.iter().map(|made| resolver.warm(made.id, made.causation, made.trace.context()));
                std::hint::black_box(warm.fold(0, |sum, warm| sum ^ warm));
            }
            let notice = notice(made, stream);
            let arrival = Arrival {
                row: row(made, seen),
                says_root: made.says_root(),
                topic: u32::from(made.topic),
                event_type: i32::from(made.event_type),
                failure: notice.as_ref().map(|notice| (notice, "failed".to_owned())),
                origin: made.failed.map(|failed| self.named(failed)),
                again: None,
                extra: None,
            };
            resolver.resolve(arrival, changes);
        }
    }

    fn named(&self, failed: EventRef) -> Named {
        let next = self.next.get(failed.ordinal().0 as usize).copied().unwrap_or(UNREAD);
        Named::Here(failed, if failed.offset() < next { Horizon::Read } else { Horizon::Ahead })
    }
}

fn row(made: &Made, seen: i64) -> EventRow {
    let record_time = Timestamp(made.record_time);
    EventRow {
        reference: made.reference,
        time: record_time,
        record_time,
        seen_time: Timestamp(seen),
        kind: kind(made),
        resolution: Resolution::Unlinked,
        tombstone: false,
        profile: i32::from(made.event_type),
        producer: None,
        key_hash: Some(made.flow),
        conversation: made.reference,
        key_bytes: 12,
        value_bytes: 250,
        id: made.id,
        causation: made.causation,
        correlation: made.correlation,
        trace: made.trace.context(),
        texts: None,
        cause: None,
    }
}

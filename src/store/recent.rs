//! The last events of a file, for the index of causes. There are millions of them, and a tap is not live before it knows
//! them: they are read by column.

use super::query::ask;
use super::{Error, Writer};
use crate::event::{EventColumns, EventRef, Identifier, Kind, Repeats, Resolution, Spelling, Timestamp, TraceContext};
use duckdb::arrow::array::{Array, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch};
use duckdb::arrow::datatypes::{Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType};

/// What the index of causes keeps of one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecentEvent {
    /// The event.
    pub reference: EventRef,
    /// Its own id.
    pub id: Option<Identifier>,
    /// Its trace.
    pub trace: Option<TraceContext>,
    /// Its correlation id.
    pub correlation: Option<Identifier>,
    /// Its conversation when it was written.
    pub conversation: EventRef,
    /// Its profile.
    pub profile: i32,
    /// When the tap read it.
    pub seen_time: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// What is known of its cause.
    pub resolution: Resolution,
    /// Its first cause.
    pub cause: Option<EventRef>,
}

impl Writer {
    /// Passes on the last `limit` settled events in the order in which they were written; memory stays bounded.
    pub fn recent_events(&self, limit: i64, each: &mut dyn FnMut(RecentEvent)) -> Result<(), Error> {
        let mut pass = || {
            let mut statement = self.connection().prepare(ask::RECENT_EVENTS.sql)?;
            for batch in statement.stream_arrow([limit])? {
                let columns = Columns::of(&batch);
                (0..batch.num_rows()).for_each(|at| each(columns.event(at)));
            }
            Ok(())
        };
        pass().map_err(Error::statement("read", ask::RECENT_EVENTS.name))
    }
}

type Numbers<'a> = &'a PrimitiveArray<Int64Type>;

/// The columns of `recent_events`.
struct Columns<'a> {
    reference: Numbers<'a>,
    id: [Numbers<'a>; 2],
    form: &'a PrimitiveArray<Int16Type>,
    trace: [Numbers<'a>; 3],
    correlation: [Numbers<'a>; 2],
    causation: [Numbers<'a>; 2],
    conversation: Numbers<'a>,
    profile: &'a PrimitiveArray<Int32Type>,
    kind: &'a PrimitiveArray<Int8Type>,
    resolution: &'a PrimitiveArray<Int8Type>,
    reason: &'a PrimitiveArray<Int8Type>,
    seen: &'a PrimitiveArray<TimestampMicrosecondType>,
    cause: Numbers<'a>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let n = |at: usize| column::<Int64Type>(batch, at);
        Self {
            reference: n(0),
            id: [n(1), n(2)],
            form: column(batch, 3),
            trace: [n(4), n(5), n(6)],
            correlation: [n(7), n(8)],
            causation: [n(9), n(10)],
            conversation: n(11),
            profile: column(batch, 12),
            kind: column(batch, 13),
            resolution: column(batch, 14),
            reason: column(batch, 15),
            seen: column(batch, 16),
            cause: n(17),
        }
    }

    fn event(&self, at: usize) -> RecentEvent {
        let form = self.form.value(at);
        let id = |[hi, lo]: [Numbers<'_>; 2], spelling: i16| {
            let spelling = Spelling::from_number((spelling & 3) as u8);
            let (hi, lo) = (value(hi, at)?, value(lo, at)?);
            Some(Identifier { hi: hi as u64, lo: lo as u64, spelling })
        };
        let own = id(self.id, form);
        let [trace_hi, trace_lo, span] = self.trace.map(|part| value(part, at).map(|part| part as u64));
        let trace = match (trace_hi, trace_lo, span) {
            (Some(trace_hi), Some(trace_lo), Some(parent_id)) => Some(TraceContext { trace_hi, trace_lo, parent_id }),
            _ => None,
        };
        RecentEvent {
            reference: EventRef(self.reference.value(at)),
            id: own,
            trace,
            correlation: match Repeats::from_number(form >> EventColumns::REPEATS) {
                Repeats::Nothing => id(self.correlation, form >> 4),
                Repeats::Id => own,
                Repeats::Causation => id(self.causation, form >> 2),
                Repeats::Trace => trace.map(TraceContext::identifier),
            },
            conversation: EventRef(self.conversation.value(at)),
            profile: self.profile.value(at),
            seen_time: Timestamp(self.seen.value(at)),
            kind: Kind::from_number(self.kind.value(at)),
            resolution: Resolution::from_numbers(self.resolution.value(at), value(self.reason, at)),
            cause: value(self.cause, at).map(EventRef),
        }
    }
}

fn column<T: ArrowPrimitiveType>(batch: &RecordBatch, at: usize) -> &PrimitiveArray<T> {
    batch.column(at).as_primitive::<T>()
}

fn value<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, at: usize) -> Option<T::Native> {
    column.is_valid(at).then(|| column.value(at))
}

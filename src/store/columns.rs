//! Rows of the large tables as Arrow batches. The vectors of events are moved, never copied.

use super::slices::Held;
use crate::event::{CauseRow, EventColumns, IdColumn, Nullable, OrphanReason, Resolution, Settled, TextColumn};
use duckdb::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Float32Array, Int8Array, Int64Array, PrimitiveArray,
    RecordBatch, StringArray, StringBuilder,
};
use duckdb::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use duckdb::arrow::compute::filter_record_batch;
use duckdb::arrow::datatypes::{
    ArrowNativeType, Field, Int8Type, Int16Type, Int32Type, Int64Type, Schema, TimestampMicrosecondType,
};
use duckdb::arrow::error::ArrowError;
use std::sync::Arc;

/// Earliest time that is stored: the year 1. Records carry any 64-bit number, and DuckDB cannot do arithmetic on some.
pub(super) const MIN_TIME: i64 = -62_135_596_800_000_000;
/// Latest time that is stored: the end of the year 9999, the last that every reader can print.
pub(super) const MAX_TIME: i64 = 253_402_300_799_999_999;

/// How an orphan's resolution is stored.
const ORPHANED: i8 = Resolution::Orphaned(OrphanReason::NeverSeen).number();

/// The columns of `orphan_row`, all of which `event_row` has.
const ORPHAN_COLUMNS: [&str; 12] = [
    "slice",
    "ref",
    "time",
    "kind",
    "resolution",
    "orphan_reason",
    "form",
    "profile",
    "conversation",
    "id_hi",
    "id_lo",
    "id_text",
];

/// Brings `times` into the range that can be stored; says how many were outside.
fn clamp(times: &mut [i64]) -> usize {
    let outside = times.iter().filter(|t| !(MIN_TIME..=MAX_TIME).contains(*t)).count();
    if outside > 0 {
        times.iter_mut().for_each(|t| *t = (*t).clamp(MIN_TIME, MAX_TIME));
    }
    outside
}

/// The columns of `event_row` for rows of the slice `slice`, and how many times had to be clamped.
pub(super) fn event_batch(mut columns: EventColumns, slice: i32) -> Result<(Columns, usize), ArrowError> {
    let clamped = clamp(&mut columns.time) + clamp(&mut columns.record_time.values) + clamp(&mut columns.seen_time);
    let mut batch = Batch::default();
    batch.full::<Int32Type>("slice", vec![slice; columns.len()]);
    batch.full::<Int64Type>("ref", columns.reference);
    batch.full::<TimestampMicrosecondType>("time", columns.time);
    batch.nullable::<TimestampMicrosecondType>("record_time", columns.record_time);
    batch.full::<TimestampMicrosecondType>("seen_time", columns.seen_time);
    batch.full::<Int8Type>("kind", columns.kind);
    batch.full::<Int8Type>("resolution", columns.resolution);
    batch.nullable::<Int8Type>("orphan_reason", columns.orphan_reason);
    batch.full::<Int16Type>("form", columns.form);
    batch.full::<Int32Type>("profile", columns.profile);
    batch.nullable::<Int32Type>("producer", columns.producer);
    batch.nullable::<Int64Type>("key_hash", columns.key_hash);
    batch.full::<Int64Type>("conversation", columns.conversation);
    batch.full::<Int32Type>("key_bytes", columns.key_bytes);
    batch.full::<Int32Type>("value_bytes", columns.value_bytes);
    batch.id(["id_hi", "id_lo", "id_text"], columns.id)?;
    batch.id(["causation_hi", "causation_lo", "causation_text"], columns.causation)?;
    batch.id(["correlation_hi", "correlation_lo", "correlation_text"], columns.correlation)?;
    batch.nullable::<Int64Type>("trace_hi", columns.trace_hi);
    batch.nullable::<Int64Type>("trace_lo", columns.trace_lo);
    batch.nullable::<Int64Type>("span", columns.span);
    batch.nullable::<Int64Type>("cause", columns.cause);
    batch.nullable::<Int8Type>("evidence", columns.evidence);
    Ok((batch.finish()?, clamped))
}

/// The columns of `orphan_row` for those of `events` that are orphans.
pub(super) fn orphan_batch(events: &Columns) -> Result<Columns, ArrowError> {
    let resolution = events.batch.column_by_name("resolution").map(|column| column.as_primitive::<Int8Type>());
    let orphan = |at: usize| resolution.is_some_and(|numbers| numbers.value(at) == ORPHANED);
    let orphans = BooleanArray::from_iter((0..events.batch.num_rows()).map(|at| Some(orphan(at))));
    // A column that is null in every row is not among them.
    let (names, kept): (Vec<_>, Vec<_>) =
        ORPHAN_COLUMNS.iter().filter_map(|name| Some((*name, events.batch.schema().index_of(name).ok()?))).unzip();
    let batch = filter_record_batch(&events.batch.project(&kept)?, &orphans)?;
    Ok(Columns { names, batch })
}

/// The columns of `told_stage` for events that are settled at sight.
pub(super) fn told_batch(events: &EventColumns) -> Result<Columns, ArrowError> {
    let mut batch = Batch::default();
    let mut seen = events.seen_time.clone();
    clamp(&mut seen);
    batch.full::<Int64Type>("ref", events.reference.clone());
    batch.full::<Int64Type>("conversation", events.conversation.clone());
    batch.full::<TimestampMicrosecondType>("seen_time", seen);
    batch.full::<Int8Type>("resolution", events.resolution.clone());
    batch.nullable::<Int8Type>("orphan_reason", events.orphan_reason.clone());
    batch.push("late", Arc::new(BooleanArray::from(vec![false; events.len()])));
    batch.finish()
}

/// The columns of `pending_row` for the events `waiting` of the slice `slice`.
pub(super) fn pending_batch(waiting: &EventColumns, slice: i32) -> Result<Columns, ArrowError> {
    let mut batch = Batch::default();
    let mut seen = waiting.seen_time.clone();
    clamp(&mut seen);
    batch.full::<Int64Type>("ref", waiting.reference.clone());
    batch.full::<Int32Type>("slice", vec![slice; waiting.len()]);
    batch.full::<TimestampMicrosecondType>("seen_time", seen);
    batch.finish()
}

/// The columns of `id_slice`: the sorted `values` that the slice `slice` holds.
pub(super) fn id_batch(values: &[Held], slice: i32) -> Result<Columns, ArrowError> {
    let (mut buckets, mut codes) = (Vec::new(), StringBuilder::new());
    for same in values.chunk_by(|a, b| a.bucket() == b.bucket()) {
        let mut text = String::with_capacity(4 * same.len());
        same.iter().for_each(|value| value.push_code(&mut text));
        buckets.push(same[0].bucket());
        codes.append_value(text);
    }
    let mut batch = Batch::default();
    batch.full::<Int32Type>("slice", vec![slice; buckets.len()]);
    batch.full::<Int16Type>("bucket", buckets);
    batch.push("codes", Arc::new(codes.finish()));
    batch.finish()
}

/// The columns of `cause_row`.
pub(super) fn cause_batch(causes: &[CauseRow]) -> Result<Columns, ArrowError> {
    let mut batch = Batch::default();
    batch.push("effect", Arc::new(Int64Array::from_iter_values(causes.iter().map(|c| c.effect.0))));
    batch.push("cause", Arc::new(Int64Array::from_iter_values(causes.iter().map(|c| c.cause.0))));
    batch.push("evidence", Arc::new(Int8Array::from_iter_values(causes.iter().map(|c| c.evidence as i8))));
    batch.push("confidence", Arc::new(Float32Array::from_iter_values(causes.iter().map(|c| c.confidence))));
    batch.finish()
}

/// The columns of `settled_stage` and `retracted_stage`.
pub(super) fn settled_batch(settled: &[Settled]) -> Result<Columns, ArrowError> {
    let mut batch = Batch::default();
    batch.push("ref", Arc::new(Int64Array::from_iter_values(settled.iter().map(|s| s.reference.0))));
    batch.push("resolution", Arc::new(Int8Array::from_iter_values(settled.iter().map(|s| s.resolution.number()))));
    batch.push("orphan_reason", Arc::new(Int8Array::from_iter(settled.iter().map(|s| s.resolution.reason_number()))));
    batch.push("conversation", Arc::new(Int64Array::from_iter_values(settled.iter().map(|s| s.conversation.0))));
    let cause = settled.iter().map(|s| s.cause);
    batch.push("cause", Arc::new(Int64Array::from_iter(cause.clone().map(|c| c.map(|(cause, _)| cause.0)))));
    batch.push("evidence", Arc::new(Int8Array::from_iter(cause.map(|c| c.map(|(_, evidence)| evidence as i8)))));
    batch.finish()
}

/// The columns of a batch that hold a value at all.
pub(super) struct Columns {
    /// Their names.
    pub names: Vec<&'static str>,
    /// Their values.
    pub batch: RecordBatch,
}

#[derive(Default)]
struct Batch {
    names: Vec<&'static str>,
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Batch {
    /// Leaves a column out that is NULL in every row: DuckDB fills it in, and setting nulls row by row costs as much as
    /// values do.
    fn push(&mut self, name: &'static str, array: ArrayRef) {
        if !array.is_empty() && array.null_count() == array.len() {
            return;
        }
        self.names.push(name);
        self.fields.push(Field::new(name, array.data_type().clone(), true));
        self.arrays.push(array);
    }

    fn full<T: ArrowPrimitiveType>(&mut self, name: &'static str, values: Vec<T::Native>) {
        self.push(name, Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None)));
    }

    fn nullable<T: ArrowPrimitiveType>(&mut self, name: &'static str, column: Nullable<T::Native>)
    where
        T::Native: ArrowNativeType,
    {
        let nulls = validity(column.valid, column.values.len(), column.nulls);
        self.push(name, Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(column.values), nulls)));
    }

    /// Fails only where a column breaks its own contract: rows of different lengths, or text that is no UTF-8.
    fn text(&mut self, name: &'static str, column: TextColumn) -> Result<(), ArrowError> {
        let nulls = validity(column.valid, column.offsets.len() - 1, column.nulls);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(column.offsets));
        self.push(name, Arc::new(StringArray::try_new(offsets, Buffer::from_vec(column.bytes), nulls)?));
        Ok(())
    }

    fn id(&mut self, names: [&'static str; 3], column: IdColumn) -> Result<(), ArrowError> {
        self.nullable::<Int64Type>(names[0], column.hi);
        self.nullable::<Int64Type>(names[1], column.lo);
        self.text(names[2], column.text)
    }

    fn finish(self) -> Result<Columns, ArrowError> {
        let batch = RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)?;
        Ok(Columns { names: self.names, batch })
    }
}

/// No null buffer where no row is null: DuckDB then skips the mask.
fn validity(bits: Vec<u8>, rows: usize, nulls: usize) -> Option<NullBuffer> {
    (nulls > 0).then(|| NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, rows)))
}

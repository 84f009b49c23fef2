//! Slices: runs of about a million events, written one after the other, and what is known of each, so that one event
//! among a hundred million is found by reading two slices and not all columns of all.
//!
//! Values that people search by (ids, traces, keys, conversations) are random: no order of rows and no zone map finds
//! them, and an ART index costs more than everything else together. So a slice, once it is full, says which values it
//! holds: hashes of all, three or four bytes each. A search asks these for the slices that may hold the value, and then
//! reads their rows. The slice that is still open is always read.

use super::Error;
use super::columns::{id_batch, settled_batch};
use super::file::run;
use super::query::{ask, write};
use super::writer::{MAIN, TEMP, Writer, arrow_error, micros};
use crate::event::{Changes, EventColumns, IdColumn, Nullable, Timestamp};
use duckdb::arrow::array::{AsArray, RecordBatch};
use duckdb::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use duckdb::{Connection, params};
use std::collections::HashMap;

/// Events after which a slice is closed, with the commit that reaches it. Reading one column of so many rows takes
/// 1 to 3 ms; fewer would make more lists to ask.
pub(super) const SLICE_EVENTS: usize = 1 << 20;

/// Odd, and below 2^63 so that the database can do the same arithmetic in 128 bits with a sign.
const MULTIPLIER: u64 = 5_871_781_006_564_002_453;

/// 36 bits of a value of 128 bits; macro `id_hash` does the same.
pub(super) const fn id_hash(hi: i64, lo: i64) -> u64 {
    let folded = (hi ^ lo) as u64 & (u64::MAX >> 1);
    ((folded as u128 * MULTIPLIER as u128) >> 36) as u64 & (u64::MAX >> 28)
}

/// A value that a slice holds: its hash, and in the lowest bit whether it is a record key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held(u64);

impl Held {
    const fn value(hi: i64, lo: i64) -> Self {
        Self(id_hash(hi, lo) << 1)
    }

    const fn key(hash: i64) -> Self {
        Self(id_hash(hash, 0) << 1 | 1)
    }

    /// The first 13 bits of the hash, as macro `hash_bucket` gives them.
    pub const fn bucket(self) -> i16 {
        (self.0 >> 24) as i16
    }

    /// Other bits of the hash as characters, as macros `hash_code` and `key_code` make them. Only the first is below 64, so
    /// that no code is found across two others.
    pub fn push_code(self, to: &mut String) {
        let hash = self.0 >> 1;
        let six = |bits: u64| char::from(64 + (bits & 63) as u8);
        to.extend([char::from(32 + (hash >> 18 & 31) as u8), six(hash >> 12), six(hash >> 6)]);
        if self.0 & 1 == 1 {
            to.push(six(hash));
        }
    }
}

/// Refs of one ordinal in a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RefRange {
    /// The ordinal.
    pub ordinal: u32,
    /// The smallest ref.
    pub first: i64,
    /// The largest ref.
    pub last: i64,
}

/// A slice that takes no more events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Its number.
    pub slice: i32,
    /// Events in it.
    pub events: i64,
    /// Seen times, µs.
    pub seen: (i64, i64),
    /// Which refs it holds, by ordinal.
    pub ranges: Vec<RefRange>,
    /// What it holds, sorted, each value once.
    pub values: Vec<Held>,
}

/// The slice that new events go into.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenSlice {
    /// Its number.
    pub slice: i32,
    events: usize,
    seen: Option<(i64, i64)>,
    ranges: HashMap<u32, (i64, i64)>,
    values: Vec<Held>,
}

impl OpenSlice {
    /// An empty slice.
    fn new(slice: i32) -> Self {
        Self { slice, ..Self::default() }
    }

    /// The slice that is open in a file.
    pub fn read(conn: &Connection) -> Result<Self, Error> {
        let slice = conn.query_row(ask::OPEN_SLICE.sql, [], |row| row.get(0));
        let mut open = Self::new(slice.map_err(Error::statement("read", ask::OPEN_SLICE.name))?);
        let mut read = || {
            let mut statement = conn.prepare(ask::SLICE_ROWS.sql)?;
            for batch in statement.stream_arrow([open.slice])? {
                open.add_batch(&batch);
            }
            Ok(())
        };
        read().map_err(Error::statement("read", ask::SLICE_ROWS.name))?;
        Ok(open)
    }

    fn add_batch(&mut self, batch: &RecordBatch) {
        let numbers = |at: usize| batch.column(at).as_primitive::<Int64Type>();
        let seen = batch.column(1).as_primitive::<TimestampMicrosecondType>();
        let nullable = |at: usize| {
            let mut column = Nullable::default();
            numbers(at).iter().for_each(|value| column.push(value));
            column
        };
        let id = |at: usize| IdColumn { hi: nullable(at), lo: nullable(at + 1), ..IdColumn::default() };
        self.add(&EventColumns {
            reference: numbers(0).values().to_vec(),
            seen_time: seen.values().to_vec(),
            conversation: numbers(2).values().to_vec(),
            key_hash: nullable(3),
            id: id(4),
            causation: id(6),
            correlation: id(8),
            trace_hi: nullable(10),
            trace_lo: nullable(11),
            ..EventColumns::default()
        });
    }

    /// Takes note of what a commit writes. Gives the slice that its events go into, and that slice once it is full.
    pub fn take_in(&mut self, changes: &Changes) -> (i32, Option<Sealed>) {
        let slice = self.slice;
        self.add(&changes.events);
        self.add(&changes.pending);
        // Events of this slice may be among those that change; of others, the database takes note.
        for settled in changes.settled.iter().chain(&changes.retracted) {
            self.values.push(Held::value(settled.conversation.0, 0));
        }
        let sealed = if self.events < SLICE_EVENTS { None } else { self.close() };
        (slice, sealed)
    }

    fn add(&mut self, columns: &EventColumns) {
        self.events += columns.len();
        for &seen in &columns.seen_time {
            let (first, last) = self.seen.unwrap_or((seen, seen));
            self.seen = Some((first.min(seen), last.max(seen)));
        }
        self.add_refs(&columns.reference);
        self.add_numbers(&columns.conversation);
        self.add_keys(&columns.key_hash);
        for (hi, lo) in [
            (&columns.id.hi, &columns.id.lo),
            (&columns.causation.hi, &columns.causation.lo),
            (&columns.correlation.hi, &columns.correlation.lo),
            (&columns.trace_hi, &columns.trace_lo),
        ] {
            self.add_values(hi, &lo.values);
        }
    }

    fn add_refs(&mut self, references: &[i64]) {
        let mut run: Option<(u32, (i64, i64))> = None;
        for &reference in references {
            let ordinal = (reference >> 40) as u32;
            match &mut run {
                Some((same, range)) if *same == ordinal => *range = (range.0.min(reference), range.1.max(reference)),
                other => {
                    if let Some((ordinal, range)) = other.replace((ordinal, (reference, reference))) {
                        self.widen(ordinal, range);
                    }
                }
            }
        }
        if let Some((ordinal, range)) = run {
            self.widen(ordinal, range);
        }
    }

    fn widen(&mut self, ordinal: u32, (first, last): (i64, i64)) {
        let range = self.ranges.entry(ordinal).or_insert((first, last));
        *range = (range.0.min(first), range.1.max(last));
    }

    /// Neighbours often repeat a value.
    fn add_numbers(&mut self, values: &[i64]) {
        let mut last = None;
        for &value in values {
            if last != Some(value) {
                self.values.push(Held::value(value, 0));
                last = Some(value);
            }
        }
    }

    fn add_values(&mut self, hi: &Nullable<i64>, lo: &[i64]) {
        if hi.nulls == hi.values.len() {
            return;
        }
        let mut last = None;
        for (at, value) in hi.values.iter().zip(lo).enumerate() {
            if last != Some(value) && hi.is_valid(at) {
                self.values.push(Held::value(*value.0, *value.1));
                last = Some(value);
            }
        }
    }

    fn add_keys(&mut self, keys: &Nullable<i64>) {
        let mut last = None;
        for (at, &hash) in keys.values.iter().enumerate() {
            if last != Some(hash) && keys.is_valid(at) {
                self.values.push(Held::key(hash));
                last = Some(hash);
            }
        }
    }

    /// True when its first event was seen `age` µs before `at` or earlier.
    pub fn is_old(&self, at: Timestamp, age: i64) -> bool {
        self.seen.is_some_and(|(first, _)| at.0.saturating_sub(first) >= age)
    }

    /// Gives the slice away if it holds anything, and opens the next one.
    pub fn close(&mut self) -> Option<Sealed> {
        if self.events == 0 {
            return None;
        }
        let full = std::mem::replace(self, Self::new(self.slice + 1));
        let mut values = full.values;
        values.sort_unstable();
        values.dedup();
        let range = |(ordinal, (first, last))| RefRange { ordinal, first, last };
        let mut ranges: Vec<RefRange> = full.ranges.into_iter().map(range).collect();
        ranges.sort_unstable_by_key(|range| range.ordinal);
        let seen = full.seen.unwrap_or_default();
        Some(Sealed { slice: full.slice, events: full.events as i64, seen, ranges, values })
    }
}

impl Writer {
    /// Brings verdicts to events that were written before.
    pub(super) fn late(&self, small: &Changes, telling: bool) -> Result<(), Error> {
        // One after the other: what is settled may be taken back in the same commit.
        for (table, verdicts) in [("settled_stage", &small.settled), ("retracted_stage", &small.retracted)] {
            if verdicts.is_empty() {
                continue;
            }
            let columns =
                settled_batch(verdicts).map_err(|source| Error::statement("lay out", table)(arrow_error(source)))?;
            self.batch(TEMP, table, &columns)?;
            if telling && table == "settled_stage" {
                run(self.connection(), &write::OUTBOX_SETTLED)?;
            }
            run(self.connection(), &write::LATE)?;
        }
        Ok(())
    }

    /// Closes a slice.
    pub(super) fn seal(&self, sealed: &Sealed) -> Result<(), Error> {
        let row = params![sealed.slice, sealed.events, micros(sealed.seen.0), micros(sealed.seen.1)];
        let closed = self.connection().execute(write::SLICE.sql, row);
        closed.map_err(Error::statement("run", write::SLICE.name))?;
        self.rows(MAIN, "slice_range", &sealed.ranges, |to, range| {
            to.append_row(params![sealed.slice, range.ordinal, range.first, range.last])
        })?;
        let failed = |source| Error::statement("lay out", "id_slice")(arrow_error(source));
        self.batch(MAIN, "id_slice", &id_batch(&sealed.values, sealed.slice).map_err(failed)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_sealed_when_it_is_full_and_says_what_it_holds() {
        let mut open = OpenSlice::new(7);
        let mut columns = EventColumns::default();
        let refs = |ordinal: i64| (0..SLICE_EVENTS as i64 / 2).map(move |offset| ordinal << 40 | offset);
        columns.reference = refs(3).chain(refs(1)).collect();
        columns.conversation = vec![42; SLICE_EVENTS];
        columns.seen_time = (0..SLICE_EVENTS as i64).map(|at| 1_000 - at).collect();
        for at in 0..SLICE_EVENTS {
            columns.key_hash.push((at == 5).then_some(99));
            columns.trace_hi.push((at < 2).then_some(1));
            columns.trace_lo.push((at < 2).then_some(at as i64));
        }
        assert_eq!(open.close(), None, "nothing is in it");
        let changes = Changes { events: columns, ..Changes::default() };
        let (slice, sealed) = open.take_in(&changes);
        let sealed = sealed.unwrap();
        assert_eq!(slice, 7);
        assert_eq!((sealed.slice, sealed.events, open.slice), (7, SLICE_EVENTS as i64, 8));
        assert_eq!(sealed.seen, (1_001 - SLICE_EVENTS as i64, 1_000));
        let last = SLICE_EVENTS as i64 / 2 - 1;
        let range = |ordinal: u32| {
            let first = i64::from(ordinal) << 40;
            RefRange { ordinal, first, last: first + last }
        };
        assert_eq!(sealed.ranges, [range(1), range(3)]);
        let mut expected = [Held::value(42, 0), Held::key(99), Held::value(1, 0), Held::value(1, 1)];
        expected.sort_unstable();
        assert_eq!(sealed.values, expected);
        assert_eq!(open.take_in(&Changes::default()), (8, None));
    }

    #[test]
    fn a_slice_that_is_old_gives_itself_away() {
        let mut open = OpenSlice::new(0);
        assert!(!open.is_old(Timestamp(i64::MAX), 0), "nothing is in it");
        let mut events = EventColumns::default();
        events.reference.push(1);
        events.conversation.push(1);
        events.seen_time.push(100);
        assert_eq!(open.take_in(&Changes { events, ..Changes::default() }), (0, None));
        assert!(!open.is_old(Timestamp(149), 50) && open.is_old(Timestamp(150), 50));
        let sealed = open.close().unwrap();
        assert_eq!((sealed.slice, sealed.events, sealed.seen, open.slice), (0, 1, (100, 100), 1));
    }
}

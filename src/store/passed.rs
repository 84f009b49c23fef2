//! How many events the ranges hold that groups passed: events of the commit itself, and those that were written before.
//!
//! Ranges of several groups overlap. They are cut into pieces in which the same groups count, so that each event is
//! looked at once, and mostly falls into the same piece, minute and profile as the one before it.

use super::Error;
use super::file::run;
use super::query::write;
use super::tally::{MINUTE, Topics, minute};
use super::writer::{TEMP, Writer, micros};
use crate::event::{EventColumns, EventRef, PassedRange, Timestamp};
use duckdb::arrow::array::AsArray;
use duckdb::arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use duckdb::{Connection, params};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Refs in which the same ranges count; none in the gaps between them.
#[derive(Debug, Clone)]
struct Piece {
    first: i64,
    end: i64,
    /// Numbers of the ranges.
    ranges: Vec<usize>,
}

/// Events of one piece, minute and profile.
type Cell = (usize, i64, i32);

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct PassedCount {
    /// Group and sign of each range.
    ranges: Vec<(Arc<str>, i64)>,
    /// In order, and without holes between them.
    pieces: Vec<Piece>,
    events: HashMap<Cell, i64>,
    /// The cell of the last events, and how many they were.
    run: (Cell, i64),
    /// Refs that were written before, in ranges from the first to the one after the last.
    written: Vec<(i64, i64)>,
}

/// Rows of `passed_row`: minute, group, topic and profile, and what is added to their count.
pub(super) type PassedTally = BTreeMap<(i64, Arc<str>, u32, i32), i64>;

impl PassedCount {
    /// Prepares to count what `ranges` hold. `written` is the offset from which on no event of an ordinal was written.
    pub fn new(ranges: &[PassedRange], written: impl Fn(&PassedRange) -> i64) -> Self {
        let mut count = Self::default();
        let mut cuts: BTreeMap<i64, Vec<(usize, bool)>> = BTreeMap::new();
        for (number, range) in ranges.iter().enumerate() {
            let first = EventRef::new(range.ordinal, range.from).0;
            // The last offset of a base is followed by the next ordinal: the end is no ref of its own.
            let end = first + (range.to - range.from);
            count.ranges.push((range.group.clone(), range.direction.sign()));
            cuts.entry(first).or_default().push((number, true));
            cuts.entry(end).or_default().push((number, false));
            let old = written(range).min(range.to) - range.from;
            if old > 0 {
                count.written.push((first, first + old));
            }
        }
        count.cut(cuts);
        count
    }

    fn cut(&mut self, cuts: BTreeMap<i64, Vec<(usize, bool)>>) {
        let mut active: Vec<usize> = Vec::new();
        let mut first = i64::MIN;
        for (at, changes) in cuts {
            self.pieces.push(Piece { first, end: at, ranges: active.clone() });
            for (number, begins) in changes {
                match begins {
                    true => active.push(number),
                    false => active.retain(|other| *other != number),
                }
            }
            first = at;
        }
        self.pieces.push(Piece { first, end: i64::MAX, ranges: active });
    }

    /// True when there is nothing to be counted.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Counts the events of the commit.
    pub fn add(&mut self, columns: &EventColumns) {
        if !self.is_empty() {
            self.count(&columns.reference, &columns.seen_time, &columns.profile);
        }
    }

    /// Counts the events that were written before; `range_stage` holds where.
    fn add_written(&mut self, conn: &Connection) -> duckdb::Result<()> {
        let first = self.written.iter().map(|range| range.0).min();
        let end = self.written.iter().map(|range| range.1).max();
        let mut statement = conn.prepare_cached(write::PASSED_WRITTEN.sql)?;
        for batch in statement.stream_arrow(params![first, end])? {
            let [references, seen, profiles] = [batch.column(0), batch.column(1), batch.column(2)];
            self.count(
                references.as_primitive::<Int64Type>().values(),
                seen.as_primitive::<TimestampMicrosecondType>().values(),
                profiles.as_primitive::<Int32Type>().values(),
            );
        }
        Ok(())
    }

    /// Counts events; all slices have one value an event.
    fn count(&mut self, references: &[i64], seen: &[i64], profiles: &[i32]) {
        let mut piece = self.run.0.0;
        let mut bounds = (i64::MAX, i64::MIN);
        for ((&reference, &seen), &profile) in references.iter().zip(seen).zip(profiles) {
            if reference < bounds.0 || reference >= bounds.1 {
                piece = self.pieces.partition_point(|piece| piece.end <= reference).min(self.pieces.len() - 1);
                bounds = (self.pieces[piece].first, self.pieces[piece].end);
            }
            if self.pieces[piece].ranges.is_empty() {
                continue;
            }
            let (cell, sum) = &mut self.run;
            let ago = seen.wrapping_sub(cell.1);
            if cell.0 == piece && cell.2 == profile && (0..MINUTE).contains(&ago) {
                *sum += 1;
            } else {
                self.end_run();
                self.run = ((piece, minute(Timestamp(seen)).0, profile), 1);
            }
        }
    }

    fn end_run(&mut self) {
        let (cell, sum) = std::mem::take(&mut self.run);
        if sum > 0 {
            *self.events.entry(cell).or_default() += sum;
        }
    }

    /// What is to be added to the rows of groups.
    pub fn tally(mut self, topics: &Topics) -> PassedTally {
        self.end_run();
        let mut tally = PassedTally::new();
        for ((piece, minute, profile), events) in self.events {
            let piece = &self.pieces[piece];
            let topic = topics.of(piece.first);
            for &range in &piece.ranges {
                let (group, sign) = &self.ranges[range];
                *tally.entry((minute, group.clone(), topic, profile)).or_default() += sign * events;
            }
        }
        tally.retain(|_, passed| *passed != 0);
        tally
    }
}

impl Writer {
    /// Adds what groups passed, or went back before. Events of this commit are not written yet: they are counted.
    pub(super) fn count_passed(&self, count: &PassedCount) -> Result<(), Error> {
        if count.is_empty() {
            return Ok(());
        }
        let mut count = count.clone();
        if !count.written.is_empty() {
            self.rows(TEMP, "range_stage", &count.written, |to, (first, end)| to.append_row(params![first, end]))?;
            count.add_written(self.connection()).map_err(Error::statement("read", write::PASSED_WRITTEN.name))?;
            run(self.connection(), &write::RANGES_READ)?;
        }
        let rows: Vec<_> = count.tally(&self.topics).into_iter().collect();
        self.staged("passed_stage", &rows, &write::PASSED, |to, ((minute, group, topic, profile), passed)| {
            to.append_row(params![micros(*minute), &**group, topic, profile, passed])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Direction, Ordinal};

    fn range(group: &str, offsets: std::ops::Range<i64>, direction: Direction) -> PassedRange {
        PassedRange {
            group: group.into(),
            ordinal: Ordinal(3),
            from: offsets.start,
            to: offsets.end,
            at: Timestamp(0),
            resolution_ms: 0,
            direction,
            seen_from: Timestamp(offsets.start),
        }
    }

    /// Scenario: ranges of three groups overlap, one is taken back, and events lie in any order.
    /// Guarantees: each range counts its own events, by minute and profile; only ranges with written events look for them.
    #[test]
    fn overlapping_ranges_count_their_own_events() {
        let ranges = [
            range("a", 0..10, Direction::Forward),
            range("b", 5..15, Direction::Forward),
            range("c", 8..9, Direction::Back),
        ];
        let mut count = PassedCount::new(&ranges, |_| 7);
        let at = |offset| EventRef::new(Ordinal(3), offset).0;
        assert_eq!(count.written, [(at(0), at(7)), (at(5), at(7))]);
        let offsets: Vec<i64> = (0..20).rev().collect();
        let references: Vec<i64> = offsets.iter().map(|offset| EventRef::new(Ordinal(3), *offset).0).collect();
        let seen: Vec<i64> = offsets.iter().map(|offset| offset * MINUTE / 10).collect();
        let profiles: Vec<i32> = offsets.iter().map(|offset| i32::from(*offset == 6)).collect();
        count.count(&references, &seen, &profiles);
        count.count(&[EventRef::new(Ordinal(2), 3).0, EventRef::new(Ordinal(4), 3).0], &[0, 0], &[0, 0]);
        let tally = count.tally(&Topics::default());
        let told: Vec<_> =
            tally.iter().map(|((minute, group, _, profile), n)| (minute / MINUTE, &**group, *profile, *n)).collect();
        assert_eq!(
            told,
            [(0, "a", 0, 9), (0, "a", 1, 1), (0, "b", 0, 4), (0, "b", 1, 1), (0, "c", 0, -1), (1, "b", 0, 5)]
        );
        assert_eq!(PassedCount::new(&ranges, |_| 0).written, []);
    }
}

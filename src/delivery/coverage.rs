//! What was seen of one partition, what is missing and why, and when its offsets were written.

use super::times::Times;
use crate::event::{CoverageRow, GapReason, Ordinal, Timestamp};
use std::collections::BTreeMap;
use std::ops::Range;

/// Holes kept per partition, so that lag in records can leave them out. Older ones stay in the counts only, and what
/// waits before them is not counted in records.
pub const HOLES_KEPT: usize = 65_536;
/// Marks of when offsets were read, per partition. When they are full every other one is dropped: they reach back to
/// the beginning, ever more coarsely.
pub const SEEN_MARKS_KEPT: usize = 512;
/// Least distance of two of them, in µs.
const SEEN_EVERY_US: i64 = 1_000_000;
/// Once a partition is read to its end, a record that says it is older than this was not written then: its producer's clock
/// stands, or it was given the time of something else.
const OLDEST_LIVE_US: i64 = 86_400_000_000;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Coverage {
    row: CoverageRow,
    begun: bool,
    /// First offset of each hole -> the offset after it, and why; an earlier run knew why where there is no reason.
    holes: BTreeMap<i64, (i64, Option<GapReason>)>,
    /// All holes from here on are known.
    known_from: i64,
    times: Times,
    /// When reading first came to the end of the log.
    live_since: Option<Timestamp>,
    /// Records whose own time cannot be right.
    replaced: u64,
    /// No record from the offset on was read before the time; both ascend.
    seen: Vec<(i64, Timestamp)>,
    /// No record from here on was read.
    seen_next: i64,
    changed: bool,
}

impl Coverage {
    /// Nothing seen yet.
    pub fn new(ordinal: Ordinal) -> Self {
        let row = CoverageRow {
            ordinal,
            first_offset: 0,
            next_offset: 0,
            log_start: 0,
            seen: 0,
            missing: [0; GapReason::ALL.len()],
        };
        Self {
            row,
            begun: false,
            holes: BTreeMap::new(),
            known_from: i64::MIN,
            times: Times::default(),
            live_since: None,
            replaced: 0,
            seen: Vec::new(),
            seen_next: i64::MIN,
            changed: false,
        }
    }

    /// As an earlier run left it.
    pub fn restore(row: CoverageRow) -> Self {
        Self { begun: true, known_from: row.next_offset, row: row.clone(), ..Self::new(row.ordinal) }
    }

    /// Reading begins at `position` of a log that begins at `log_start`.
    pub fn start(&mut self, log_start: i64, position: i64) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.changed = true;
        self.row.log_start = log_start;
        self.row.first_offset = position;
        self.row.next_offset = position;
    }

    /// True when all of `covers` is new, so that no offset needs a look of its own.
    pub fn is_ahead(&self, covers: &Range<i64>) -> bool {
        !self.begun || covers.start >= self.row.next_offset
    }

    /// True when `offset` was not seen before.
    pub fn admits(&self, offset: i64) -> bool {
        !self.begun
            || offset >= self.row.next_offset
            || offset < self.row.first_offset
            || self.hole_at(offset).is_some()
    }

    fn hole_at(&self, offset: i64) -> Option<(Range<i64>, GapReason)> {
        let (&start, &(end, reason)) = self.holes.range(..=offset).next_back()?;
        (offset < end).then_some((start..end, reason?))
    }

    /// Takes in that `covers` was read and held records at `seen`, in ascending order; the other offsets are missing
    /// for `reason`. Offsets that were spoken for before stay as they were, unless a record fills a hole.
    pub fn cover(&mut self, covers: Range<i64>, seen: impl Iterator<Item = i64>, reason: GapReason) {
        if covers.is_empty() {
            return;
        }
        if !self.begun {
            self.start(covers.start, covers.start);
        }
        self.changed = true;
        let (first, next) = (self.row.first_offset, self.row.next_offset);
        if covers.start > next {
            self.add_hole(next..covers.start, reason);
        }
        if covers.end < first {
            self.add_hole(covers.end..first, reason);
        }
        let mut at = covers.start;
        for offset in seen {
            if (first..next).contains(&offset) {
                self.fill(offset);
            } else {
                self.row.seen += 1;
                self.add_new_hole(at.max(covers.start)..offset, (first, next), reason);
            }
            at = offset + 1;
        }
        self.add_new_hole(at..covers.end, (first, next), reason);
        self.row.first_offset = first.min(covers.start);
        self.row.next_offset = next.max(covers.end);
    }

    /// The parts of `range` that lie outside what was spoken for before.
    fn add_new_hole(&mut self, range: Range<i64>, (first, next): (i64, i64), reason: GapReason) {
        if range.is_empty() {
            return;
        }
        self.add_hole(range.start..range.end.min(first), reason);
        self.add_hole(range.start.max(next)..range.end, reason);
    }

    fn add_hole(&mut self, range: Range<i64>, reason: GapReason) {
        if range.is_empty() {
            return;
        }
        self.row.missing[reason as usize] += range.end - range.start;
        self.keep_hole(range, Some(reason));
    }

    fn keep_hole(&mut self, range: Range<i64>, reason: Option<GapReason>) {
        self.holes.insert(range.start, (range.end, reason));
        if self.holes.len() > HOLES_KEPT
            && let Some((_, (end, _))) = self.holes.pop_first()
        {
            self.known_from = self.known_from.max(end);
        }
    }

    /// An earlier run read the records at `offsets`, ascending: all there were from the first of `range` to its end.
    pub fn restore_read(&mut self, range: Range<i64>, offsets: impl Iterator<Item = (i64, Timestamp)>) {
        self.known_from = range.start;
        let mut next = range.start;
        for (offset, time) in offsets {
            if next < offset {
                self.keep_hole(next..offset, None);
            }
            next = offset + 1;
            self.times.note(offset, time);
        }
        if next < range.end {
            self.keep_hole(next..range.end, None);
        }
    }

    /// A record came after all, or again.
    fn fill(&mut self, offset: i64) {
        let Some((hole, reason)) = self.hole_at(offset) else {
            self.row.missing[GapReason::SeenBefore as usize] += 1;
            return;
        };
        self.holes.remove(&hole.start);
        self.row.missing[reason as usize] -= 1;
        self.row.seen += 1;
        for part in [hole.start..offset, offset + 1..hole.end] {
            if !part.is_empty() {
                self.holes.insert(part.start, (part.end, Some(reason)));
            }
        }
    }

    /// The log was cut at `at`: what was seen from there on is in it no more. Gives how many records that are.
    pub fn cut(&mut self, at: i64) -> i64 {
        let range = at.max(self.row.first_offset)..self.row.next_offset;
        let taken_back = (range.end - range.start - self.holes_in(range)).clamp(0, self.row.seen);
        self.row.seen -= taken_back;
        self.row.missing[GapReason::Truncated as usize] += taken_back;
        self.changed = true;
        taken_back
    }

    /// An open transaction holds back so many offsets behind those that were read; 0 for none.
    pub fn hold(&mut self, offsets: i64) {
        let held = &mut self.row.missing[GapReason::BlockedByTransaction as usize];
        self.changed |= *held != offsets;
        *held = offsets;
    }

    /// Remembers when the record at `offset` was written: at `time`, as it says itself, where that can be; else when it was
    /// read.
    pub fn written(&mut self, offset: i64, time: Timestamp, seen: Timestamp) {
        let oldest = self.live_since.map_or(0, |since| since.0.saturating_sub(OLDEST_LIVE_US));
        let believed = (oldest..=seen.0).contains(&time.0);
        self.replaced += u64::from(!believed);
        self.times.note(offset, if believed { time } else { seen });
    }

    /// All that is there was read, at `at`.
    pub fn caught_up(&mut self, at: Timestamp) {
        self.live_since.get_or_insert(at);
    }

    /// Records whose own time lay ahead, or far behind of when they came: the time of reading stands in for it.
    pub fn times_replaced(&self) -> u64 {
        self.replaced
    }

    /// Remembers that records at `offsets` were read at `seen`. Records may be read in any order.
    pub fn note_seen(&mut self, offsets: Range<i64>, seen: Timestamp) {
        let before = self.seen.partition_point(|&(at, _)| at < offsets.end);
        for mark in self.seen[..before].iter_mut().rev().take_while(|(_, at)| *at > seen) {
            mark.1 = seen;
        }
        // A mark speaks for all that lies behind it, so nothing may have been read there before.
        let ahead = offsets.start >= self.seen_next;
        self.seen_next = self.seen_next.max(offsets.end);
        if ahead && self.seen.last().is_none_or(|&(_, at)| seen.since(at) >= SEEN_EVERY_US) {
            self.seen.push((offsets.start, seen));
        }
        if self.seen.len() > SEEN_MARKS_KEPT {
            let mut place = 0;
            self.seen.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
    }

    /// A time before which no record from `offset` on was read; the earliest there is when that is not known.
    pub fn seen_from(&self, offset: i64) -> Timestamp {
        let after = self.seen.partition_point(|&(at, _)| at <= offset);
        after.checked_sub(1).map_or(Timestamp(i64::MIN), |at| self.seen[at].1)
    }

    /// When the record at `offset` was written, to half a second; `None` where that was not seen.
    pub fn time_of(&self, offset: i64) -> Option<Timestamp> {
        (self.row.first_offset..self.row.next_offset).contains(&offset).then(|| self.times.of(offset)).flatten()
    }

    /// Readable records in `range`; what is not read yet counts as such. `None` where not all holes are known.
    pub fn records_in(&self, range: Range<i64>) -> Option<i64> {
        let known = range.is_empty() || range.start >= self.known_from.max(self.row.first_offset);
        known.then(|| (range.end - range.start - self.holes_in(range)).max(0))
    }

    /// The first offset from `offset` on that may hold a readable record.
    pub fn readable_from(&self, offset: i64) -> i64 {
        let mut at = offset;
        while let Some((_, &(end, _))) = self.holes.range(..=at).next_back().filter(|(_, hole)| at < hole.0) {
            at = end;
        }
        at
    }

    /// Offsets of `range` that are known to hold no readable record.
    fn holes_in(&self, range: Range<i64>) -> i64 {
        let before = self.holes.range(..range.start).next_back().map(|(&start, &(end, _))| (start, end));
        let within = self.holes.range(range.start..range.end.max(range.start)).map(|(&start, &(end, _))| (start, end));
        before.into_iter().chain(within).map(|(start, end)| (end.min(range.end) - start.max(range.start)).max(0)).sum()
    }

    /// The offsets that were read or spoken for.
    pub fn read(&self) -> Range<i64> {
        self.row.first_offset..self.row.next_offset
    }

    /// Everything below this was read.
    pub fn next_offset(&self) -> i64 {
        self.row.next_offset
    }

    /// The row as it stands.
    pub fn row(&self) -> &CoverageRow {
        &self.row
    }

    /// The row, if it changed since the last call.
    pub fn take_change(&mut self) -> Option<CoverageRow> {
        std::mem::take(&mut self.changed).then(|| self.row.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(coverage: &Coverage, reason: GapReason) -> i64 {
        coverage.row().missing[reason as usize]
    }

    #[test]
    fn every_offset_is_seen_or_missing() {
        let mut coverage = Coverage::new(Ordinal(1));
        coverage.start(3, 5);
        coverage.cover(5..10, [5, 6, 9].into_iter(), GapReason::Compacted);
        coverage.cover(10..11, [].into_iter(), GapReason::Control);
        let row = coverage.row();
        assert_eq!((row.log_start, row.first_offset, row.next_offset, row.seen), (3, 5, 11, 3));
        assert_eq!((missing(&coverage, GapReason::Compacted), missing(&coverage, GapReason::Control)), (2, 1));
        assert_eq!(coverage.holes_in(6..11), 3);
        assert_eq!(coverage.holes_in(8..9), 1);
    }

    #[test]
    fn what_comes_again_is_counted_and_not_taken() {
        let mut coverage = Coverage::new(Ordinal(1));
        coverage.cover(0..3, [0, 1, 2].into_iter(), GapReason::Compacted);
        assert!(!coverage.admits(1) && coverage.admits(3));
        coverage.cover(1..2, [1].into_iter(), GapReason::Compacted);
        assert_eq!((coverage.row().seen, missing(&coverage, GapReason::SeenBefore)), (3, 1));
    }

    #[test]
    fn any_order_ends_the_same() {
        let orders = [[0, 1, 4, 6], [6, 4, 1, 0], [4, 0, 6, 1]];
        for order in orders {
            let mut coverage = Coverage::new(Ordinal(1));
            for offset in order {
                assert!(coverage.admits(offset), "{order:?} {offset}");
                let one = std::iter::once(offset);
                coverage.cover(offset..offset + 1, one, GapReason::CompactedOrTransactional);
            }
            let row = coverage.row();
            assert_eq!((row.first_offset, row.next_offset, row.seen), (0, 7, 4), "{order:?}");
            assert_eq!(missing(&coverage, GapReason::CompactedOrTransactional), 3, "{order:?}");
        }
    }

    #[test]
    fn what_a_cut_log_held_is_no_longer_seen_and_counted_as_truncated() {
        let mut coverage = Coverage::new(Ordinal(1));
        coverage.cover(0..10, (0..10).filter(|n| *n != 8), GapReason::Control);
        assert_eq!(coverage.cut(6), 3);
        assert_eq!((coverage.row().seen, missing(&coverage, GapReason::Truncated)), (6, 3));
        assert_eq!((coverage.cut(20), coverage.row().seen), (0, 6));
    }

    #[test]
    fn what_a_transaction_holds_back_is_shown_as_long_as_it_does() {
        let mut coverage = Coverage::new(Ordinal(1));
        coverage.hold(7);
        assert_eq!(coverage.take_change().unwrap().missing[GapReason::BlockedByTransaction as usize], 7);
        coverage.hold(7);
        assert!(coverage.take_change().is_none());
        coverage.hold(0);
        assert_eq!(missing(&coverage, GapReason::BlockedByTransaction), 0);
    }

    #[test]
    fn a_time_that_cannot_be_is_the_time_of_reading_and_counted() {
        let (day, now) = (86_400_000, 1_700_000_000_000);
        let mut coverage = Coverage::new(Ordinal(1));
        coverage.cover(0..10, 0..10, GapReason::Control);
        let seen = Timestamp::from_millis(now);
        coverage.written(0, Timestamp::from_millis(now - 9 * day), seen);
        coverage.caught_up(seen);
        coverage.written(1, Timestamp::from_millis(now - 9 * day), seen);
        coverage.written(2, Timestamp::from_millis(now - 5_000), seen);
        coverage.written(3, Timestamp::from_millis(now + day), seen);
        let age = |offset| coverage.time_of(offset).map(|time| now - time.millis());
        assert_eq!([0, 1, 2, 3, 99].map(age), [Some(9 * day), Some(0), Some(5_000), Some(0), None]);
        assert_eq!(coverage.times_replaced(), 2);
    }

    /// Scenario: the holes of an earlier run are known again from the records that it read; a record that comes again
    /// fills none of them.
    #[test]
    fn what_an_earlier_run_read_tells_its_holes() {
        let mut coverage = Coverage::new(Ordinal(1));
        coverage.cover(0..20, [0, 1, 5, 6, 12].into_iter(), GapReason::Control);
        let mut again = Coverage::restore(coverage.row().clone());
        assert_eq!((again.records_in(5..20), again.records_in(20..23)), (None, Some(3)));
        again
            .restore_read(5..20, [5, 6, 12].map(|offset| (offset, Timestamp::from_millis(offset * 2_000))).into_iter());
        assert_eq!(
            (again.records_in(4..20), again.records_in(5..22), again.records_in(7..12)),
            (None, Some(5), Some(0))
        );
        assert_eq!((again.readable_from(7), again.readable_from(12), again.readable_from(13)), (12, 12, 20));
        assert_eq!(again.time_of(12), Some(Timestamp::from_millis(24_000)));
        again.cover(8..9, std::iter::once(8), GapReason::Control);
        assert_eq!(missing(&again, GapReason::Control), missing(&coverage, GapReason::Control));
    }

    /// Scenario: records are read in any order, far more than there is room for marks.
    /// Guarantees: no record from an offset on was read before the time that is given for it.
    #[test]
    fn what_was_read_since_bounds_every_record() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut coverage = Coverage::new(Ordinal(0));
        let mut read: Vec<(i64, i64)> = Vec::new();
        for step in 0..2_000 {
            let start = if random.u8(..5) == 0 { random.i64(0..step + 1) } else { step * 3 };
            let seen = step * 1_500_000 + random.i64(-20_000_000..20_000_000);
            coverage.note_seen(start..start + 3, Timestamp(seen));
            read.extend((start..start + 3).map(|offset| (offset, seen)));
        }
        assert!(coverage.seen.len() > SEEN_MARKS_KEPT / 4 && coverage.seen.len() <= SEEN_MARKS_KEPT);
        for from in (0..6_000).step_by(7) {
            let earliest = read.iter().filter(|(offset, _)| *offset >= from).map(|(_, seen)| *seen).min().unwrap();
            assert!(coverage.seen_from(from).0 <= earliest, "from {from}");
        }
        assert!(coverage.seen_from(5_900).0 > coverage.seen_from(100).0, "it bounds nothing");
    }
}

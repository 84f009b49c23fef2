//! When the records of one partition were written: marks of offset and time, dense enough that any record is within half a
//! second of the mark at or before it, small enough that ten thousand partitions keep hours of them.

use crate::event::Timestamp;
use std::collections::VecDeque;

/// Marks kept of one partition: over an hour at two a second. When they are full the older half is thinned: weeks fit, each
/// part as exact as its age wants.
pub const MARKS_KEPT: usize = 8_192;
/// Older marks are kept this part of their age apart, four times as much at most: so wrong is what is told of the oldest.
const OF_AGE: i64 = 512;
/// Two marks differ by at least so much, in ms.
pub const MARK_EVERY_MS: i64 = 500;
/// Marks that are packed together: looking one up unpacks them.
const PACKED: usize = 64;

/// Marks in ascending order of their offsets: the first in full, the others as steps.
#[derive(Debug, Clone, Default)]
struct Pack {
    offset: i64,
    ms: i64,
    steps: Vec<u8>,
    marks: usize,
}

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub struct Times {
    packs: VecDeque<Pack>,
    last: Option<(i64, i64)>,
    marks: usize,
}

impl Times {
    /// Remembers that the record at `offset` was written at `time`, where that says something new. Offsets below the last
    /// one say nothing.
    pub fn note(&mut self, offset: i64, time: Timestamp) {
        let ms = time.millis();
        let due = self.last.is_none_or(|(at, last)| offset > at && ms.abs_diff(last) >= MARK_EVERY_MS as u64);
        if !due {
            return;
        }
        self.push(offset, ms);
        if self.marks > MARKS_KEPT {
            self.thin();
        }
    }

    fn push(&mut self, offset: i64, ms: i64) {
        match (self.packs.back_mut(), self.last) {
            (Some(pack), Some((at, last))) if pack.marks < PACKED => {
                put(&mut pack.steps, offset.wrapping_sub(at));
                put(&mut pack.steps, ms.wrapping_sub(last));
                pack.marks += 1;
            }
            _ => self.packs.push_back(Pack { offset, ms, steps: Vec::new(), marks: 1 }),
        }
        self.marks += 1;
        self.last = Some((offset, ms));
    }

    /// Keeps the newer half, and of the older as many as their age wants. At least one goes.
    fn thin(&mut self) {
        let all = std::mem::take(self);
        let marks: Vec<(i64, i64)> = all.packs.iter().flat_map(Pack::unpack).collect();
        let (older, newer) = marks.split_at(marks.len() / 2);
        let now = marks.iter().map(|(_, ms)| *ms).max().unwrap_or(0);
        let mut next = newer[0].1;
        let mut kept: Vec<(i64, i64)> = Vec::new();
        for &(offset, ms) in older[1..].iter().rev() {
            if next.saturating_sub(ms) > now.saturating_sub(ms) / OF_AGE {
                kept.push((offset, ms));
                next = ms;
            }
        }
        if kept.len() + 1 == older.len() {
            kept = kept.into_iter().step_by(2).collect();
        }
        let first = std::iter::once(&older[0]);
        first.chain(kept.iter().rev()).chain(newer).for_each(|&(offset, ms)| self.push(offset, ms));
    }

    /// When the record at `offset` was written, to half a second, as far as the marks are whole; `None` before the first mark.
    pub fn of(&self, offset: i64) -> Option<Timestamp> {
        let after = self.packs.partition_point(|pack| pack.offset <= offset);
        let pack = &self.packs[after.checked_sub(1)?];
        let (_, ms) = pack.unpack().take_while(|(at, _)| *at <= offset).last()?;
        Some(Timestamp::from_millis(ms))
    }

    /// Bytes that it holds.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.packs.iter().map(|pack| size_of::<Pack>() + pack.steps.capacity()).sum()
    }
}

impl Pack {
    fn unpack(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let (mut rest, mut at) = (self.steps.as_slice(), (self.offset, self.ms));
        (0..self.marks).map(move |place| {
            if place > 0 {
                at.0 = at.0.wrapping_add(take(&mut rest));
                at.1 = at.1.wrapping_add(take(&mut rest));
            }
            at
        })
    }
}

/// A zigzag varint.
fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn take(bytes: &mut &[u8]) -> i64 {
    let mut raw = 0u64;
    for shift in (0..64).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else { break };
        *bytes = rest;
        raw |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_looked_up_never_guessed() {
        let mut times = Times::default();
        for (offset, ms) in [(10, 1_000), (11, 1_400), (20, 2_000), (30, 9_000)] {
            times.note(offset, Timestamp::from_millis(ms));
        }
        let of = |offset| times.of(offset).map(|time| time.millis());
        assert_eq!(
            [9, 10, 11, 25, 30, 99].map(of),
            [None, Some(1_000), Some(1_000), Some(2_000), Some(9_000), Some(9_000)]
        );
    }

    /// Scenario: records with any times, some far apart, some going back, negative and huge ones among them.
    /// Guarantees: while nothing was dropped, each record is within half a second of what is told of it.
    #[test]
    fn every_record_is_within_half_a_second() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut times = Times::default();
        let (mut ms, mut records) = (0i64, Vec::new());
        for offset in 0..4_000 {
            ms = match random.u8(..20) {
                0 => random.i64(-1_000_000_000_000..1_000_000_000_000),
                1 => ms - random.i64(0..5_000),
                _ => ms + random.i64(0..900),
            };
            times.note(offset, Timestamp::from_millis(ms));
            records.push(ms);
        }
        for (offset, &ms) in records.iter().enumerate() {
            let told = times.of(offset as i64).unwrap().millis();
            assert!(told.abs_diff(ms) < MARK_EVERY_MS as u64, "{offset}: {told} of {ms}");
        }
    }

    #[test]
    fn a_long_log_is_kept_whole_and_small() {
        let mut times = Times::default();
        let many = 10 * MARKS_KEPT as i64;
        for n in 0..many {
            times.note(n * 50, Timestamp::from_millis(1_700_000_000_000 + n * 1_000));
        }
        assert!(times.marks <= MARKS_KEPT && times.bytes() < MARKS_KEPT * 8, "{} bytes", times.bytes());
        let age = |n: i64| (many - n) * 1_000;
        for n in (0..many).step_by(97) {
            let error = 1_700_000_000_000 + n * 1_000 - times.of(n * 50).unwrap().millis();
            assert!((0..=1_000.max(4 * age(n) / OF_AGE)).contains(&error), "{error} ms at an age of {} ms", age(n));
        }
        assert_eq!(times.of(many * 50 - 1).unwrap().millis(), 1_700_000_000_000 + (many - 1) * 1_000);
    }
}

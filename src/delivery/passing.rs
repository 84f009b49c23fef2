//! Which events each group has passed: committed beyond them, as far as they were read. Told as ranges, so that counts
//! follow without a look at every event, and taken back when a group rewinds.

use crate::event::{Direction, EventRef, Ordinal, PassedRange, PassedTo, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Groups and partitions that are counted; about 100 bytes each. A group that has vanished stays, so that it is not
/// counted twice when it returns; beyond this, new ones are not counted as passing, and that is counted.
const PASSINGS: usize = 1_000_000;

type Key = (Ordinal, Arc<str>);

#[derive(Debug, Clone)]
struct Passing {
    committed: i64,
    /// Every event below was told as passed; `None` while nothing was told.
    told_to: Option<i64>,
    at: Timestamp,
    resolution_ms: i64,
}

/// See the module's documentation. A group that vanishes from the samples keeps what it passed, and goes on from there
/// when it returns.
#[derive(Debug, Clone, Default)]
pub struct Passings {
    by_key: BTreeMap<Key, Passing>,
    /// Those that have not been told as far as they were committed.
    open: BTreeSet<Key>,
    late: Vec<PassedRange>,
    /// Committed offsets that are not counted, because too many groups are.
    pub dropped: u64,
}

impl Passings {
    /// A group has committed `offset`.
    pub fn committed(
        &mut self,
        group: &Arc<str>,
        ordinal: Ordinal,
        offset: i64,
        (at, resolution_ms): (Timestamp, i64),
    ) {
        let key = (ordinal, group.clone());
        let full = self.by_key.len() >= PASSINGS;
        match self.by_key.get_mut(&key) {
            Some(passing) if passing.committed == offset => {
                (passing.at, passing.resolution_ms) = (at, resolution_ms);
            }
            Some(passing) => {
                *passing = Passing { committed: offset, at, resolution_ms, ..*passing };
                self.open.insert(key);
            }
            None if full => self.dropped += 1,
            None => {
                let passing = Passing { committed: offset, told_to: None, at, resolution_ms };
                self.by_key.insert(key.clone(), passing);
                self.open.insert(key);
            }
        }
    }

    /// Takes in how far an earlier run has told.
    pub fn restore(&mut self, told: PassedTo) {
        let passing = self.by_key.entry((told.ordinal, told.group)).or_insert(Passing {
            committed: told.offset,
            told_to: None,
            at: Timestamp::default(),
            resolution_ms: 0,
        });
        passing.told_to = Some(told.offset);
    }

    /// Records at `offsets`, ascending, were read late: below what was read before. Groups that were told beyond them
    /// have passed them too.
    pub fn read_late(&mut self, ordinal: Ordinal, offsets: &[i64], seen: Timestamp) {
        let groups = self.by_key.range((ordinal, Arc::from(""))..).take_while(|((at, _), _)| *at == ordinal);
        for ((_, group), passing) in groups {
            let Some(told_to) = passing.told_to else {
                // It was short of all that was read, and may be beyond this.
                self.open.insert((ordinal, group.clone()));
                continue;
            };
            let below = &offsets[..offsets.partition_point(|&offset| offset < told_to)];
            for run in below.chunk_by(|a, b| a + 1 == *b) {
                self.late.push(PassedRange {
                    group: group.clone(),
                    ordinal,
                    from: run[0],
                    to: run[run.len() - 1] + 1,
                    at: passing.at,
                    resolution_ms: passing.resolution_ms,
                    direction: Direction::Forward,
                    seen_from: seen,
                });
            }
        }
    }

    /// Tells what was passed since the last call. `read` gives the offsets of a partition that were read, `seen_from`
    /// since when those from an offset on were.
    pub fn tell(
        &mut self,
        read: impl Fn(Ordinal) -> Option<Range<i64>>,
        seen_from: impl Fn(Ordinal, i64) -> Timestamp,
    ) -> (Vec<PassedRange>, Vec<PassedTo>) {
        let mut ranges = std::mem::take(&mut self.late);
        let mut told = Vec::new();
        for key in std::mem::take(&mut self.open) {
            let Some(passing) = self.by_key.get_mut(&key) else { continue };
            let Some(read) = read(key.0) else {
                self.open.insert(key);
                continue;
            };
            let target = passing.committed.min(read.end).max(EventRef::base(read.start));
            let before = passing.told_to.unwrap_or(read.start.min(target));
            if passing.committed > read.end {
                self.open.insert(key.clone());
            }
            if before == target {
                continue;
            }
            passing.told_to = Some(target);
            let (ordinal, group) = key;
            let (from, to) = (before.min(target), before.max(target));
            told.push(PassedTo { group: group.clone(), ordinal, offset: target });
            ranges.push(PassedRange {
                group,
                ordinal,
                from,
                to,
                at: passing.at,
                resolution_ms: passing.resolution_ms,
                direction: if target > before { Direction::Forward } else { Direction::Back },
                seen_from: seen_from(ordinal, from),
            });
        }
        (ranges, told)
    }
}

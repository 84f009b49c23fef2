//! Partitions that stand: records are there and none is received, or an open transaction holds them back.

use crate::event::{LogEnds, Ordinal, Timestamp, TopicPartition};
use std::collections::HashMap;
use std::sync::Arc;

/// Records are there and none was received for so long: stalled. Longer than a silent connection is waited for, so that
/// one that is made anew is no stall yet.
pub const STALLED_AFTER_MS: i64 = 15_000;
/// An open transaction holds a partition for so long before it is spoken of: most end within the second.
pub const HELD_AFTER_MS: i64 = 10_000;

/// How many partitions stand for one reason, and the one that stands the longest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Partitions.
    pub partitions: usize,
    /// How long the longest stands, in ms: since a sample first showed it.
    pub ms: i64,
    /// The one that stands the longest.
    pub longest: Option<Arc<TopicPartition>>,
}

impl Standing {
    fn add(&mut self, partition: &Arc<TopicPartition>, ms: i64) {
        self.partitions += 1;
        if self.longest.is_none() || ms > self.ms {
            (self.ms, self.longest) = (ms, Some(partition.clone()));
        }
    }
}

#[derive(Debug, Clone)]
struct Watched {
    partition: Arc<TopicPartition>,
    next: i64,
    stable: i64,
    leader: i32,
    /// Since when records are there and the next offset stands.
    behind_since: Option<Timestamp>,
    /// Since when the stable end stands before the end.
    held_since: Option<Timestamp>,
}

/// See the module's documentation. Only partitions that stand are kept.
#[derive(Debug, Clone, Default)]
pub struct Standstill {
    watched: HashMap<Ordinal, Watched>,
    /// When a partition of each leader was last seen to catch up: while it does, others of the same leader wait their
    /// turn.
    moved: HashMap<i32, Timestamp>,
    at: Timestamp,
}

impl Standstill {
    /// A sample begins; partitions whose leader does not answer stay as they were.
    pub fn begin(&mut self, at: Timestamp) {
        self.at = at;
    }

    /// How one partition was at the sample: `next` is where the tap reads on. Gives the offsets that an open transaction
    /// holds back for a sample or longer.
    pub fn look(&mut self, ordinal: Ordinal, next: i64, ends: &LogEnds) -> i64 {
        let before = self.watched.get(&ordinal);
        if before.is_some_and(|before| before.behind_since.is_some() && next > before.next) {
            self.moved.insert(ends.leader, self.at);
        }
        let (behind, open) = (next < ends.stable, ends.stable < ends.end);
        if !behind && !open {
            self.watched.remove(&ordinal);
            return 0;
        }
        let stood = |same: bool, since: Option<Timestamp>| since.filter(|_| same).unwrap_or(self.at);
        let behind_since = before.map(|b| stood(b.next == next, b.behind_since)).unwrap_or(self.at);
        let held_since = before.map(|b| stood(b.stable == ends.stable, b.held_since)).unwrap_or(self.at);
        let watched = Watched {
            partition: ends.partition.clone(),
            next,
            stable: ends.stable,
            leader: ends.leader,
            behind_since: behind.then_some(behind_since),
            held_since: open.then_some(held_since),
        };
        // Without a transaction both ends move together: those that differ were only asked for one after the other.
        let held = open && held_since < self.at;
        self.watched.insert(ordinal, watched);
        if held { ends.end - ends.stable } else { 0 }
    }

    /// A partition of a log that is no more.
    pub fn forget(&mut self, ordinal: Ordinal) {
        self.watched.remove(&ordinal);
    }

    /// Partitions that have records of which none was received for [`STALLED_AFTER_MS`], nor any other backlog of their
    /// leader.
    pub fn stalled(&self) -> Standing {
        let since = |watched: &Watched| Some(watched.behind_since?.max(*self.moved.get(&watched.leader)?));
        self.standing(|watched| since(watched).or(watched.behind_since), STALLED_AFTER_MS)
    }

    /// Partitions that an open transaction holds for [`HELD_AFTER_MS`]; its age is at least that of the standing.
    pub fn held(&self) -> Standing {
        self.standing(|watched| watched.held_since, HELD_AFTER_MS)
    }

    fn standing(&self, since: impl Fn(&Watched) -> Option<Timestamp>, least_ms: i64) -> Standing {
        let mut standing = Standing::default();
        for watched in self.watched.values() {
            let ms = since(watched).map_or(0, |since| self.at.since(since) / 1000);
            if ms >= least_ms {
                standing.add(&watched.partition, ms);
            }
        }
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(stable: i64, end: i64) -> LogEnds {
        led(1, stable, end)
    }

    fn led(leader: i32, stable: i64, end: i64) -> LogEnds {
        let partition = TopicPartition { cluster: "c".into(), topic: "orders".into(), topic_id: [0; 16], partition: 3 };
        LogEnds { partition: Arc::new(partition), start: 0, end, stable, leader }
    }

    /// Samples of one partition: second, next offset, stable end, end. Gives stalled ms, held ms and offsets held.
    fn after(samples: &[(i64, i64, i64, i64)]) -> (i64, i64, i64) {
        let mut standstill = Standstill::default();
        let mut held = 0;
        for &(second, next, stable, end) in samples {
            standstill.begin(Timestamp::from_millis(second * 1000));
            held = standstill.look(Ordinal(1), next, &ends(stable, end));
        }
        (standstill.stalled().ms, standstill.held().ms, held)
    }

    #[test]
    fn who_has_records_and_receives_none_is_stalled_after_a_while() {
        assert_eq!(after(&[(0, 5, 9, 9), (14, 5, 20, 20)]), (0, 0, 0));
        assert_eq!(after(&[(0, 5, 9, 9), (15, 5, 20, 20)]), (15_000, 0, 0));
        assert_eq!(after(&[(0, 5, 9, 9), (10, 6, 20, 20), (24, 6, 20, 20)]), (0, 0, 0), "it moved");
        assert_eq!(after(&[(0, 5, 9, 9), (60, 5, 20, 20), (61, 20, 20, 20)]), (0, 0, 0), "it caught up");
        assert_eq!(after(&[(0, 9, 9, 9), (60, 9, 10, 10)]), (0, 0, 0), "nothing was there");
    }

    #[test]
    fn who_waits_while_the_same_leader_serves_others_is_not_stalled() {
        let after = |leader: i32| {
            let mut standstill = Standstill::default();
            for second in [0, 10, 20] {
                standstill.begin(Timestamp::from_millis(second * 1000));
                standstill.look(Ordinal(1), 0, &led(1, 900, 900));
                standstill.look(Ordinal(2), second * 10, &led(leader, 900, 900));
            }
            standstill.stalled().partitions
        };
        assert_eq!((after(1), after(2)), (0, 1));
    }

    #[test]
    fn an_open_transaction_is_shown_with_its_age() {
        assert_eq!(after(&[(0, 5, 5, 9)]), (0, 0, 0), "the ends may only have been asked for one after the other");
        assert_eq!(after(&[(0, 5, 5, 9), (5, 5, 5, 12)]), (0, 0, 7));
        assert_eq!(after(&[(0, 5, 5, 9), (12, 5, 5, 12)]), (0, 12_000, 7));
        assert_eq!(after(&[(0, 5, 5, 9), (12, 8, 8, 12)]), (0, 0, 0), "another transaction");
        assert_eq!(after(&[(0, 5, 5, 9), (60, 12, 12, 12)]), (0, 0, 0), "it ended");
    }

    #[test]
    fn the_one_that_stands_the_longest_is_named() {
        let mut standstill = Standstill::default();
        for (second, ordinals) in [(0, 0..1), (5, 0..2), (30, 0..2)] {
            standstill.begin(Timestamp::from_millis(second * 1000));
            for ordinal in ordinals {
                standstill.look(Ordinal(ordinal), 0, &ends(9, 9));
            }
        }
        let stalled = standstill.stalled();
        assert_eq!((stalled.partitions, stalled.ms, stalled.longest.unwrap().partition), (2, 30_000, 3));
        standstill.forget(Ordinal(0));
        assert_eq!(standstill.stalled().ms, 25_000);
    }
}

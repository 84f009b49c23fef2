//! What proves that a cause is not there: the vector of stable ends that was read past before the verdict.
//!
//! A verdict is proved by any barrier that was sampled after the child was read, and a later one proves it as well. So the
//! verdicts of some seconds share one vector, and of it only what changed since the last one is written.

use crate::event::{BarrierRow, Changes, Epoch, EventRef, Ordinal, Timestamp, VerdictRow};
use std::collections::HashMap;

/// Shortest time between two vectors that are written, µs: with a thousand partitions that all grow, and orphans all the
/// time, they are nine million small rows a day.
const WRITE_EVERY: i64 = 10_000_000;
/// Verdicts that may wait for the next vector: 8 bytes each.
const JUDGED_MAX: usize = 100_000;

/// A sample: when it began, and the stable end of each partition then.
#[derive(Debug, Clone, Default)]
struct Vector {
    epoch: Epoch,
    /// `None` for the end of the input.
    sampled_at: Option<Timestamp>,
    ends: Vec<(Ordinal, i64)>,
}

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct Proofs {
    taken: Option<Vector>,
    passed: Option<Vector>,
    /// Where the input ended.
    end: Vec<(Ordinal, i64)>,
    /// Verdicts that no vector was written for yet; the last one that was passed proves them all.
    judged: Vec<EventRef>,
    written: HashMap<Ordinal, i64>,
    written_at: Option<Timestamp>,
    last: i64,
}

impl Proofs {
    /// A sample was taken, which the tap has to read past.
    pub fn take(&mut self, epoch: Epoch, sampled_at: Timestamp, ends: &[(Ordinal, i64)]) {
        self.taken = Some(Vector { epoch, sampled_at: Some(sampled_at), ends: ends.to_vec() });
    }

    /// The tap has read past all samples up to `epoch`.
    pub fn pass(&mut self, epoch: Epoch) {
        if self.taken.as_ref().is_some_and(|taken| taken.epoch <= epoch) {
            self.passed = self.taken.take();
        }
    }

    /// The input ends at `ends`.
    pub fn end_with(&mut self, ends: Vec<(Ordinal, i64)>) {
        self.end = ends;
    }

    /// Nothing comes any more.
    pub fn end(&mut self) {
        self.passed = Some(Vector { ends: std::mem::take(&mut self.end), ..Vector::default() });
    }

    /// A cause was judged not to be there.
    pub fn judged(&mut self, effect: EventRef) {
        self.judged.push(effect);
    }

    /// Hands over the verdicts, with what proves them; `last` when there will be no other time. What is over when nobody
    /// comes back has lost its proof, not its verdict.
    pub fn commit(&mut self, at: Timestamp, last: bool, changes: &mut Changes) {
        let due = self.written_at.is_none_or(|written| at.since(written) >= WRITE_EVERY);
        if self.judged.is_empty() || !(last || due || self.judged.len() >= JUDGED_MAX) {
            return;
        }
        // Judged before any barrier had passed, because too many waited: nothing proves it.
        let Some(vector) = &self.passed else { return self.judged.clear() };
        let number = vector.sampled_at.unwrap_or(at).0.max(self.last + 1);
        let written = &mut self.written;
        let changed = vector.ends.iter().filter(|(ordinal, end)| written.insert(*ordinal, *end) != Some(*end));
        let ends = changed.copied().collect();
        changes.barriers.push(BarrierRow { number, sampled_at: vector.sampled_at, passed_at: at, ends });
        let verdict = |reference| VerdictRow { reference, barrier: number };
        changes.verdicts.extend(self.judged.drain(..).map(verdict));
        (self.last, self.written_at) = (number, Some(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(proofs: &mut Proofs, at: i64) -> Changes {
        let mut changes = Changes::default();
        proofs.commit(Timestamp(at), false, &mut changes);
        changes
    }

    #[test]
    fn a_verdict_gets_the_last_vector_that_was_passed_and_of_it_what_changed() {
        let mut proofs = Proofs::default();
        proofs.take(Epoch(1), Timestamp(100), &[(Ordinal(1), 10), (Ordinal(2), 5)]);
        proofs.pass(Epoch(0));
        proofs.judged(EventRef(7));
        let early = committed(&mut proofs, 150);
        assert!(early.barriers.is_empty() && early.verdicts.is_empty(), "nothing was passed");
        proofs.pass(Epoch(1));
        proofs.judged(EventRef(8));
        let first = committed(&mut proofs, 200);
        assert_eq!(first.verdicts, [VerdictRow { reference: EventRef(8), barrier: 100 }]);
        assert_eq!(first.barriers[0].ends, [(Ordinal(1), 10), (Ordinal(2), 5)]);
        proofs.take(Epoch(2), Timestamp(300), &[(Ordinal(1), 10), (Ordinal(2), 6)]);
        proofs.pass(Epoch(2));
        proofs.judged(EventRef(9));
        assert!(committed(&mut proofs, 201 + WRITE_EVERY - 2).verdicts.is_empty(), "too soon");
        let second = committed(&mut proofs, 200 + WRITE_EVERY);
        assert_eq!((second.barriers[0].number, &*second.barriers[0].ends), (300, &[(Ordinal(2), 6)][..]));
        assert_eq!(second.verdicts, [VerdictRow { reference: EventRef(9), barrier: 300 }]);
    }

    #[test]
    fn the_end_of_the_input_proves_without_a_sample() {
        let mut proofs = Proofs::default();
        proofs.end_with(vec![(Ordinal(0), 3)]);
        proofs.end();
        proofs.judged(EventRef(1));
        let changes = committed(&mut proofs, 50);
        assert_eq!((changes.barriers[0].number, changes.barriers[0].sampled_at), (50, None));
        assert_eq!(changes.barriers[0].ends, [(Ordinal(0), 3)]);
    }
}

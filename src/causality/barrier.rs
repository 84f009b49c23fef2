//! When it is certain that a cause is not there. No clock decides this.
//!
//! A producer can only react to a record that was readable before it wrote, so the cause of a child lies below the last
//! stable offsets that are sampled after the child was read. Once the tap has read past that vector on every partition,
//! a cause that was not seen is not there.

use crate::event::{Epoch, Ordinal};
use std::collections::HashMap;

/// Follows one sample at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Barrier {
    asked: Epoch,
    in_flight: bool,
    passed: Epoch,
    /// What is left to be read of the sample in hand.
    remaining: HashMap<Ordinal, i64>,
    unreachable: usize,
    /// Times that the next sample was wanted while this one held.
    held: u32,
}

/// Times that a sample is wanted before the one in hand is taken again: a topic that was deleted since must not hold
/// every verdict for ever.
const TAKEN_AGAIN: u32 = 10;

impl Barrier {
    /// The epoch of a child that is read now: the next sample to be asked for.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.asked.0 + 1)
    }

    /// Asks for the next sample, unless one is still under way.
    pub fn ask(&mut self) -> Option<Epoch> {
        if self.in_flight {
            self.held += u32::from(!self.remaining.is_empty());
            let again = self.held >= TAKEN_AGAIN;
            self.held %= TAKEN_AGAIN;
            return again.then_some(self.asked);
        }
        self.in_flight = true;
        self.held = 0;
        self.asked.0 += 1;
        Some(self.asked)
    }

    /// Takes the sample that was asked for; `ends` are those that the tap has not read past yet. True when these are what
    /// has to be read past now.
    pub fn sampled(&mut self, epoch: Epoch, ends: HashMap<Ordinal, i64>, unreachable: usize) -> bool {
        if !self.in_flight || epoch != self.asked {
            return false;
        }
        self.unreachable = unreachable;
        if !self.remaining.is_empty() {
            // Taken again: what is gone from the cluster holds nothing any more, and no end moves away.
            if unreachable == 0 {
                self.remaining.retain(|ordinal, _| ends.contains_key(ordinal));
                self.pass();
            }
            return false;
        }
        self.remaining = ends;
        if unreachable > 0 {
            // A vector with a hole proves nothing: the next sample tries again for the same children.
            self.in_flight = false;
            self.remaining.clear();
        } else {
            self.pass();
        }
        unreachable == 0
    }

    /// The sample could not be taken: the next one stands in for it.
    pub fn failed(&mut self) {
        self.in_flight = false;
        self.remaining.clear();
    }

    /// The tap has read `ordinal` up to `next`.
    pub fn advance(&mut self, ordinal: Ordinal, next: i64) {
        if self.remaining.is_empty() {
            return;
        }
        if self.remaining.get(&ordinal).is_some_and(|&end| next >= end) {
            self.remaining.remove(&ordinal);
            self.pass();
        }
    }

    fn pass(&mut self) {
        if self.in_flight && self.remaining.is_empty() {
            self.in_flight = false;
            self.passed = self.asked;
        }
    }

    /// Everything that was read before this epoch was asked for can be judged.
    pub fn passed(&self) -> Epoch {
        self.passed
    }

    /// True when a partition holds the verdicts back: it did not answer, or is still being read.
    pub fn blocked(&self) -> bool {
        self.unreachable > 0 || !self.remaining.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_when_every_partition_was_read_past() {
        let mut barrier = Barrier::default();
        let child = barrier.epoch();
        let epoch = barrier.ask().unwrap();
        assert_eq!(barrier.ask(), None);
        let later = barrier.epoch();
        barrier.sampled(epoch, HashMap::from([(Ordinal(1), 10), (Ordinal(2), 5)]), 0);
        barrier.advance(Ordinal(1), 10);
        assert!(barrier.passed() < child && barrier.blocked());
        barrier.advance(Ordinal(2), 4);
        assert!(barrier.passed() < child);
        barrier.advance(Ordinal(2), 6);
        assert!(barrier.passed() >= child && barrier.passed() < later);
    }

    #[test]
    fn what_is_gone_from_the_cluster_holds_nothing() {
        let mut barrier = Barrier::default();
        let child = barrier.epoch();
        let epoch = barrier.ask().unwrap();
        barrier.sampled(epoch, HashMap::from([(Ordinal(1), 10)]), 0);
        let again = (0..TAKEN_AGAIN).find_map(|_| barrier.ask());
        assert_eq!(again, Some(epoch));
        barrier.sampled(epoch, HashMap::from([(Ordinal(1), 12)]), 0);
        assert!(barrier.passed() < child, "it is still there");
        barrier.sampled(epoch, HashMap::new(), 0);
        assert!(barrier.passed() >= child);
    }

    #[test]
    fn a_sample_with_a_hole_proves_nothing() {
        let mut barrier = Barrier::default();
        let child = barrier.epoch();
        let epoch = barrier.ask().unwrap();
        barrier.sampled(epoch, HashMap::new(), 1);
        assert!(barrier.passed() < child && barrier.blocked());
        let epoch = barrier.ask().unwrap();
        barrier.sampled(epoch, HashMap::new(), 0);
        assert!(barrier.passed() >= child);
    }
}

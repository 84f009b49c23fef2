//! A table of fixed slots that forgets in slices and never moves what it holds: it fills slices of fixed size, each eight
//! times as large as the one before up to a bound. When all bytes are used the oldest slices are dropped whole, which
//! shortens the horizon and is counted.

use super::hashing::home;

/// Slots of the first slice: a small tap stays small.
const FIRST_SLOTS: usize = 1 << 16;
/// How much larger each slice is than the one before, up to the largest.
const GROWTH: usize = 8;
/// Slices of the largest size that fit the bytes: a fifth of the horizon goes at a time, and each look-up asks at most a few
/// more.
const LARGEST_SLICES: usize = 5;
/// Slots of the smallest slice: budgets below it hold this much all the same.
const LEAST_SLOTS: usize = 64;

/// One slot: whose it is, and what is kept. The last word is never 0 in one that is used.
pub(super) type Slot<const W: usize> = [u32; W];

/// A number as two words of a slot.
pub(super) const fn words(n: u64) -> [u32; 2] {
    [n as u32, (n >> 32) as u32]
}

/// Two words of a slot as a number.
pub(super) const fn number(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

#[derive(Debug, Clone)]
struct Slice<const W: usize> {
    slots: Box<[Slot<W>]>,
    used: usize,
}

impl<const W: usize> Slice<W> {
    /// Zeros that the system gives when they are touched.
    fn new(slots: usize) -> Self {
        Self { slots: vec![[0; W]; slots].into_boxed_slice(), used: 0 }
    }

    /// A load of at most three quarters keeps probes short.
    fn is_full(&self) -> bool {
        self.used >= self.slots.len() / 4 * 3
    }

    /// The slot of `key`, or the empty one where it belongs.
    fn slot<const K: usize>(&self, hash: u64, key: &[u32; K]) -> (usize, bool) {
        let mut at = home(hash, self.slots.len());
        loop {
            let slot = &self.slots[at];
            if slot[W - 1] == 0 {
                return (at, false);
            }
            if slot[..K] == key[..] {
                return (at, true);
            }
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
    }
}

/// See the module's documentation. The first words of a slot are its key.
#[derive(Debug, Clone)]
pub(super) struct Sliced<const W: usize> {
    slices: Vec<Slice<W>>,
    slots: usize,
    most_slots: usize,
    /// Entries that left with the oldest slices.
    pub dropped: u64,
}

impl<const W: usize> Sliced<W> {
    /// A table that fills at most `bytes`.
    pub fn new(bytes: usize) -> Self {
        let most_slots = (bytes / size_of::<Slot<W>>()).max(LEAST_SLOTS * LARGEST_SLICES);
        Self { slices: Vec::new(), slots: 0, most_slots, dropped: 0 }
    }

    /// Reads the slots where a hash would be, so that they are in the cache when it is looked up a little later.
    pub fn warm(&self, hash: u64) -> u32 {
        self.slices.iter().fold(0, |sum, slice| sum ^ slice.slots[home(hash, slice.slots.len())][W - 1])
    }

    /// The slot that begins with `key`, newest slice first.
    pub fn get<const K: usize>(&self, hash: u64, key: [u32; K]) -> Option<&Slot<W>> {
        self.slices.iter().rev().find_map(|slice| match slice.slot(hash, &key) {
            (at, true) => Some(&slice.slots[at]),
            _ => None,
        })
    }

    /// The slot that begins with `key`; where there is none, `slot` is put there, and `None` comes back.
    pub fn get_or_insert<const K: usize>(&mut self, hash: u64, key: [u32; K], slot: Slot<W>) -> Option<&mut Slot<W>> {
        let found = self.slices.iter().enumerate().rev().find_map(|(which, slice)| match slice.slot(hash, &key) {
            (at, true) => Some((which, at)),
            _ => None,
        });
        match found {
            Some((which, at)) => Some(&mut self.slices[which].slots[at]),
            None => {
                self.insert(hash, key, slot);
                None
            }
        }
    }

    fn insert<const K: usize>(&mut self, hash: u64, key: [u32; K], slot: Slot<W>) {
        if self.slices.last().is_none_or(Slice::is_full) {
            self.open_slice();
        }
        if let Some(slice) = self.slices.last_mut() {
            let (at, _) = slice.slot(hash, &key);
            slice.slots[at] = slot;
            slice.used += 1;
        }
    }

    fn open_slice(&mut self) {
        let largest = self.most_slots / LARGEST_SLICES;
        let slots = self.slices.last().map_or(FIRST_SLOTS, |last| last.slots.len() * GROWTH).min(largest);
        while self.slots + slots > self.most_slots && !self.slices.is_empty() {
            let oldest = self.slices.remove(0);
            self.slots -= oldest.slots.len();
            self.dropped += oldest.used as u64;
        }
        self.slots += slots;
        self.slices.push(Slice::new(slots));
    }

    /// Bytes in use, those of slots that are still empty included.
    pub fn bytes(&self) -> usize {
        self.slots * size_of::<Slot<W>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causality::hashing::spread;

    fn slot(n: u64) -> Slot<4> {
        let [low, high] = words(n);
        [low, high, n as u32, 1]
    }

    #[test]
    fn the_oldest_entries_leave_first_and_are_counted() {
        let bytes = 4 << 20;
        let mut table = Sliced::<4>::new(bytes);
        let last = bytes as u64 / 16;
        for n in 1..=last {
            assert!(table.get_or_insert(spread(n), words(n), slot(n)).is_none());
        }
        assert!(table.dropped > 0 && table.bytes() <= bytes);
        let first = table.dropped + 1;
        assert!(table.get(spread(first - 1), words(first - 1)).is_none());
        assert!((first..=last).all(|n| table.get(spread(n), words(n)) == Some(&slot(n))));
        if let Some(slot) = table.get_or_insert(spread(last), words(last), slot(0)) {
            slot[2] = 7;
        }
        assert_eq!(table.get(spread(last), words(last)).map(|slot| slot[2]), Some(7));
    }

    #[test]
    fn one_hash_for_all_keys_mixes_up_none() {
        let mut table = Sliced::<4>::new(1 << 20);
        for n in 1..=100 {
            assert!(table.get_or_insert(5, words(n), slot(n)).is_none());
        }
        assert!((1..=100).all(|n| table.get(5, words(n)) == Some(&slot(n))));
        assert!(table.get(5, words(101)).is_none());
    }
}

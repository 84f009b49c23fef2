//! A map of numbers to numbers that grows without ever moving what it holds: each level is a table of fixed size, eight
//! times as large as the one before. What few entries there are lie in the first, small one.

use super::hashing::{home, spread};

/// Slots of the first level: 64 KiB, which stay in the cache.
const FIRST_SLOTS: usize = 1 << 12;
/// How much larger each level is: few levels have to be asked.
const GROWTH: usize = 8;

#[derive(Debug, Clone)]
struct Level {
    /// A key is kept inverted, so that 0 marks an empty slot.
    slots: Box<[(u64, u32)]>,
    used: usize,
}

impl Level {
    fn new(slots: usize) -> Self {
        Self { slots: vec![(0, 0); slots].into_boxed_slice(), used: 0 }
    }

    fn has_room(&self) -> bool {
        self.used < self.slots.len() / 4 * 3
    }

    /// The slot that holds `stored`, or the empty one where it belongs.
    fn slot(&self, stored: u64) -> usize {
        let mut slot = home(spread(stored), self.slots.len());
        while self.slots[slot].0 != stored && self.slots[slot].0 != 0 {
            slot = self.after(slot);
        }
        slot
    }

    const fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() { 0 } else { slot + 1 }
    }

    /// Empties `hole`, and moves back what would not be found behind it.
    fn empty(&mut self, mut hole: usize) {
        let slots = self.slots.len();
        let mut slot = hole;
        loop {
            slot = self.after(slot);
            let (stored, _) = self.slots[slot];
            if stored == 0 {
                break;
            }
            let from_home = |slot: usize| (slot + slots - home(spread(stored), slots)) % slots;
            if from_home(hole) < from_home(slot) {
                self.slots[hole] = self.slots[slot];
                hole = slot;
            }
        }
        self.slots[hole] = (0, 0);
        self.used -= 1;
    }
}

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct Levels {
    levels: Vec<Level>,
}

const fn stored(key: u64) -> u64 {
    // The one key whose complement is 0 shares a slot with its neighbour: refs never reach it, and hashes are verified.
    if key == u64::MAX { 1 } else { !key }
}

impl Levels {
    /// What is kept under `key`.
    pub fn get(&self, key: u64) -> Option<u32> {
        let stored = stored(key);
        self.levels.iter().filter(|level| level.used > 0).find_map(|level| {
            let (found, value) = level.slots[level.slot(stored)];
            (found == stored).then_some(value)
        })
    }

    /// Keeps `value` under `key`, in place of what was kept there.
    pub fn insert(&mut self, key: u64, value: u32) {
        let stored = stored(key);
        let known = self.levels.iter_mut().filter(|level| level.used > 0).find_map(|level| {
            let slot = level.slot(stored);
            (level.slots[slot].0 == stored).then(|| &mut level.slots[slot].1)
        });
        if let Some(known) = known {
            *known = value;
            return;
        }
        if !self.levels.iter().any(Level::has_room) {
            let slots = self.levels.last().map_or(FIRST_SLOTS, |last| last.slots.len() * GROWTH);
            self.levels.push(Level::new(slots));
        }
        if let Some(level) = self.levels.iter_mut().find(|level| level.has_room()) {
            let slot = level.slot(stored);
            level.slots[slot] = (stored, value);
            level.used += 1;
        }
    }

    /// Takes away what is kept under `key`.
    pub fn remove(&mut self, key: u64) -> Option<u32> {
        let stored = stored(key);
        self.levels.iter_mut().filter(|level| level.used > 0).find_map(|level| {
            let slot = level.slot(stored);
            let (found, value) = level.slots[slot];
            (found == stored).then(|| {
                level.empty(slot);
                value
            })
        })
    }

    /// True when nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(|level| level.used == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn it_answers_as_a_map_of_the_standard_library_does() {
        let seed = 0x1e7e15;
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut levels, mut truth) = (Levels::default(), HashMap::new());
        for step in 0..400_000 {
            let key = random.u64(..60_000);
            if random.u8(..3) > 0 {
                levels.insert(key, step);
                truth.insert(key, step);
            } else {
                assert_eq!(levels.remove(key), truth.remove(&key), "seed {seed:#x}, step {step}");
            }
        }
        assert!((0..60_000).all(|key| levels.get(key) == truth.get(&key).copied()), "seed {seed:#x}");
        truth.keys().for_each(|&key| assert!(levels.remove(key).is_some()));
        assert!(levels.is_empty() && levels.levels.len() > 1);
        levels.insert(u64::MAX, 3);
        assert_eq!(levels.get(u64::MAX), Some(3));
    }
}

//! A map from 64-bit keyed hashes to small values: fixed capacity, time-sliced, never rehashed.
//!
//! A growing hash map stops the stream for seconds when it moves house. This one fills slices of fixed size, each eight
//! times as large as the one before up to a bound; when the bound on all keys is reached the oldest slices are dropped
//! whole, which shortens the horizon and is counted.

use crate::event::Identifier;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys of the first slice: a small tap stays small.
const FIRST_SLICE_KEYS: usize = 1 << 16;
/// Keys of the largest slice: 90 MiB of 16-byte slots.
const LARGEST_SLICE_KEYS: usize = 1 << 22;
/// Keys in all slices above which the oldest is let go.
const MOST_KEYS: usize = 3 * LARGEST_SLICE_KEYS;

/// Secret numbers that keep hostile ids from being aimed at one slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secret(pub u64, pub u64);

impl Secret {
    /// A hash of `id`, never zero: zero marks an empty slot.
    pub fn key(self, id: Identifier) -> u64 {
        let folded = u128::from(id.hi ^ self.0) * u128::from(id.lo ^ self.1);
        let mixed = (folded as u64) ^ ((folded >> 64) as u64) ^ id.hi.rotate_left(32) ^ id.lo.rotate_left(11);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (mixed >> 29)).max(1)
    }
}

/// Spreads numbers that are refs or keyed hashes already, for the maps beside the index.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, n: u64) {
        let folded = u128::from(self.0 ^ n) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        self.0 = (folded as u64) ^ ((folded >> 64) as u64);
    }
    fn write_i64(&mut self, n: i64) {
        self.write_u64(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

/// Builds [`Spread`].
pub(super) type Spreading = BuildHasherDefault<Spread>;

#[derive(Debug, Clone)]
struct Slice<V> {
    slots: Box<[(u64, V)]>,
    used: usize,
    capacity: usize,
}

impl<V: Copy + Default> Slice<V> {
    fn new(capacity: usize) -> Self {
        // A load of at most three quarters keeps probes short.
        Self { slots: vec![(0, V::default()); capacity / 3 * 4].into_boxed_slice(), used: 0, capacity }
    }

    fn home(&self, key: u64) -> usize {
        ((u128::from(key) * self.slots.len() as u128) >> 64) as usize
    }

    /// The slot that holds `key`, or the empty one where it belongs.
    fn slot(&self, key: u64) -> usize {
        let mut slot = self.home(key);
        while self.slots[slot].0 != key && self.slots[slot].0 != 0 {
            slot += 1;
            if slot == self.slots.len() {
                slot = 0;
            }
        }
        slot
    }
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Index<V> {
    slices: Vec<Slice<V>>,
    keys: usize,
    /// Keys that left with the oldest slices.
    pub dropped: u64,
}

impl<V: Copy + Default> Index<V> {
    pub fn new() -> Self {
        Self { slices: Vec::new(), keys: 0, dropped: 0 }
    }

    /// Reads the slots where `key` would be, so that they are in the cache when it is looked up a little later.
    pub fn warm(&self, key: u64) -> u64 {
        self.slices.iter().fold(0, |sum, slice| sum ^ slice.slots[slice.home(key)].0)
    }

    /// The value under `key`, newest slice first.
    pub fn get(&self, key: u64) -> Option<V> {
        self.slices.iter().rev().find_map(|slice| {
            let (found, value) = slice.slots[slice.slot(key)];
            (found == key).then_some(value)
        })
    }

    /// The value under `key`, to be changed in place; where there is none `value` is put there and `None` comes back.
    pub fn get_or_insert(&mut self, key: u64, value: V) -> Option<&mut V> {
        let found = self.slices.iter().enumerate().rev().find_map(|(at, slice)| {
            let slot = slice.slot(key);
            (slice.slots[slot].0 == key).then_some((at, slot))
        });
        match found {
            Some((at, slot)) => Some(&mut self.slices[at].slots[slot].1),
            None => {
                self.insert(key, value);
                None
            }
        }
    }

    fn insert(&mut self, key: u64, value: V) {
        if self.slices.last().is_none_or(|slice| slice.used == slice.capacity) {
            self.open_slice();
        }
        if let Some(slice) = self.slices.last_mut() {
            let slot = slice.slot(key);
            slice.slots[slot] = (key, value);
            slice.used += 1;
            self.keys += 1;
        }
    }

    fn open_slice(&mut self) {
        let capacity = self.slices.last().map_or(FIRST_SLICE_KEYS, |last| (last.capacity * 8).min(LARGEST_SLICE_KEYS));
        while self.keys + capacity > MOST_KEYS {
            let oldest = self.slices.remove(0);
            self.keys -= oldest.used;
            self.dropped += oldest.used as u64;
        }
        self.slices.push(Slice::new(capacity));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ids_have_keys_of_their_own() {
        let secret = Secret(0x1234_5678_9abc_def1, 0x0fed_cba9_8765_4321);
        let mut keys: Vec<u64> = (0..100_000u64)
            .map(|lo| secret.key(Identifier { hi: 7, lo, spelling: crate::event::Spelling::Uuid }))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 100_000);
    }

    #[test]
    fn the_oldest_keys_leave_first_and_are_counted() {
        let mut index = Index::<i64>::new();
        let key = |n: usize| (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1);
        let last = MOST_KEYS + LARGEST_SLICE_KEYS;
        for n in 1..=last {
            assert!(index.get_or_insert(key(n), n as i64).is_none());
        }
        assert!(index.dropped > 0 && index.keys <= MOST_KEYS);
        assert_eq!(index.keys as u64 + index.dropped, last as u64);
        assert_eq!(index.get(key(1)), None);
        assert_eq!(index.get(key(index.dropped as usize + 1)), Some(index.dropped as i64 + 1));
        if let Some(value) = index.get_or_insert(key(last), 0) {
            *value = 7;
        }
        assert_eq!(index.get(key(last)), Some(7));
    }
}

//! A map from 64-bit keyed hashes to small values: fixed capacity, time-sliced, never rehashed.
//!
//! A growing hash map stops the stream for seconds when it moves house. This one fills slices of fixed size, newest
//! last; when all slices are full the oldest is dropped whole, which shortens the horizon and is counted.

use crate::event::Identifier;

/// Keys that one slice holds. At a load of three quarters a slice of 16-byte slots takes 22 MiB.
const SLICE_KEYS: usize = 1 << 20;
/// Slots of a slice: a load of at most three quarters keeps probes short.
const SLICE_SLOTS: usize = SLICE_KEYS / 3 * 4;
/// Slices kept. A miss probes all of them, so there are few.
const SLICES: usize = 8;

/// Secret numbers that keep hostile ids from being aimed at one slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secret(pub u64, pub u64);

impl Secret {
    /// A hash of `id`, never zero: zero marks an empty slot.
    pub fn key(self, id: Identifier) -> u64 {
        let folded = u128::from(id.hi ^ self.0) * u128::from((id.lo ^ self.1) | 1);
        let mixed = (folded as u64) ^ ((folded >> 64) as u64) ^ id.hi.rotate_left(32);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (mixed >> 29)).max(1)
    }
}

#[derive(Debug, Clone)]
struct Slice<V> {
    keys: Box<[u64]>,
    values: Box<[V]>,
    used: usize,
}

impl<V: Copy + Default> Slice<V> {
    fn new() -> Self {
        Self {
            keys: vec![0; SLICE_SLOTS].into_boxed_slice(),
            values: vec![V::default(); SLICE_SLOTS].into_boxed_slice(),
            used: 0,
        }
    }

    /// The slot that holds `key`, or the empty one where it belongs.
    fn slot(&self, key: u64) -> usize {
        let mut slot = ((u128::from(key) * SLICE_SLOTS as u128) >> 64) as usize;
        while self.keys[slot] != key && self.keys[slot] != 0 {
            slot += 1;
            if slot == SLICE_SLOTS {
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
    /// Keys that left with the oldest slice.
    pub dropped: u64,
}

impl<V: Copy + Default> Index<V> {
    pub fn new() -> Self {
        Self { slices: Vec::new(), dropped: 0 }
    }

    /// The value under `key`, newest slice first.
    pub fn get(&self, key: u64) -> Option<V> {
        self.slices.iter().rev().find_map(|slice| {
            let slot = slice.slot(key);
            (slice.keys[slot] == key).then(|| slice.values[slot])
        })
    }

    /// The value under `key`, to be changed in place.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.slices.iter_mut().rev().find_map(|slice| {
            let slot = slice.slot(key);
            (slice.keys[slot] == key).then(|| &mut slice.values[slot])
        })
    }

    /// Adds a key that [`Index::get`] did not find.
    pub fn insert(&mut self, key: u64, value: V) {
        if self.slices.last().is_none_or(|slice| slice.used == SLICE_KEYS) {
            if self.slices.len() == SLICES {
                self.dropped += self.slices.remove(0).used as u64;
            }
            self.slices.push(Slice::new());
        }
        if let Some(slice) = self.slices.last_mut() {
            let slot = slice.slot(key);
            slice.used += usize::from(slice.keys[slot] == 0);
            slice.keys[slot] = key;
            slice.values[slot] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_slice_leaves_first_and_is_counted() {
        let mut index = Index::<i64>::new();
        let keys = (SLICES as u64 + 1) * SLICE_KEYS as u64;
        let key = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1);
        for n in 1..=keys {
            index.insert(key(n), n as i64);
        }
        assert_eq!(index.dropped, SLICE_KEYS as u64);
        assert_eq!(index.get(key(1)), None);
        assert_eq!(index.get(key(SLICE_KEYS as u64 + 1)), Some(SLICE_KEYS as i64 + 1));
        assert_eq!(index.get(key(keys)), Some(keys as i64));
        if let Some(value) = index.get_mut(key(keys)) {
            *value = 7;
        }
        assert_eq!(index.get(key(keys)), Some(7));
    }
}

//! Where in the pages of recent events an id was seen: fixed capacity, time-sliced, never rehashed.
//!
//! A growing hash map stops the stream for seconds when it moves house. This one fills slices of fixed size, each eight
//! times as large as the one before up to a bound; when all bytes are used the oldest slices go whole, which shortens the
//! horizon and is counted. What goes leaves a filter behind ([`super::cold`]).
//!
//! A slot holds 13 bits of the id's hash and a place of 32 bits: the id itself stands in the page, and whoever is told a place
//! compares it there. It also says how many buckets of ten slots, a line of the cache each, it was put from its home, so that
//! a slice knows 13 bits and the home of each id: enough to make the filter without reading the pages.

use super::cold::{Cold, Filter, Fingerprint};
use super::hashing::home;
use super::recent::{Minute, Place, Recent};
use crate::event::{EventRef, Identifier};

/// Keys of the first slice: a small tap stays small.
const FIRST_KEYS: usize = 1 << 16;
/// How much larger each slice is than the one before, up to the largest.
const GROWTH: usize = 8;
/// Slices of the largest size that fit the bytes: a sixth of the horizon goes at a time, to the filters. More would make each
/// look-up ask more of them; larger ones would be slow to fill at first, while the system hands out their memory.
const LARGEST_SLICES: usize = 6;
/// Buckets of the smallest slice: budgets below it hold this much all the same.
const LEAST_BUCKETS: usize = 32;

/// Half-words of a bucket: one line of the cache.
const BUCKET: usize = 32;
const BUCKET_BYTES: usize = 2 * BUCKET;
const SLOTS: usize = 10;
/// Slots that are used in the mean when a slice is full: beyond it buckets overflow into their neighbours too often.
const FULL_TENTHS: usize = 90;
/// Where the places begin, two half-words each, and the word with the upper three bits of each slot's distance from its home; the
/// lower three stand beside the tag, so that one comparison tells both.
const PLACES: usize = SLOTS;
const SHIFTS: usize = 3 * SLOTS;
/// Six bits hold no more. A slice in which even the last of these buckets has no room is closed early.
const FARTHEST: usize = 63;

/// An id that is looked up, with its hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub id: Identifier,
    pub key: u64,
}

/// What the index says of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// This event carries it: compared in full.
    Here(EventRef),
    /// The hash is known, but no event in memory carries the id under it: another id, or an event that left.
    Doubtful,
    Nowhere,
}

/// 13 bits of a hash with room for three more; 0 marks an empty slot.
const fn tag(key: u64) -> u16 {
    let tag = key as u16 & !7;
    if tag == 0 { 8 } else { tag }
}

#[derive(Debug, Clone)]
struct Slice {
    words: Box<[u16]>,
    /// Where the first bucket begins: at a line of the cache.
    start: usize,
    buckets: usize,
    used: usize,
    /// No bucket near some id's home had room.
    crowded: bool,
    /// When the event of its last id was read.
    seen: Option<Minute>,
}

impl Slice {
    /// Zeros that the system gives when they are touched.
    fn new(buckets: usize) -> Self {
        let words = vec![0_u16; (buckets + 1) * BUCKET].into_boxed_slice();
        let start = words.as_ptr().align_offset(BUCKET_BYTES).min(BUCKET);
        Self { words, start, buckets, used: 0, crowded: false, seen: None }
    }

    const fn bytes(buckets: usize) -> usize {
        (buckets + 1) * BUCKET_BYTES
    }

    const fn capacity(&self) -> usize {
        self.buckets * FULL_TENTHS / 10
    }

    const fn is_full(&self) -> bool {
        self.crowded || self.used >= self.capacity()
    }

    fn bucket(&self, bucket: usize) -> &[u16] {
        let from = self.start + bucket * BUCKET;
        &self.words[from..from + BUCKET]
    }

    fn bucket_mut(&mut self, bucket: usize) -> &mut [u16] {
        let from = self.start + bucket * BUCKET;
        &mut self.words[from..from + BUCKET]
    }

    /// The slot of `key` whose place is accepted. A bucket with room has sent nobody on.
    fn find(&self, key: u64, mut accept: impl FnMut(Place) -> bool) -> Option<(usize, usize)> {
        let (home, tag) = (home(key, self.buckets), tag(key));
        for shift in 0..=FARTHEST {
            let bucket = (home + shift) % self.buckets;
            let words = self.bucket(bucket);
            let wanted = tag | shift as u16 & 7;
            let mut same = 0_u32;
            for (slot, &other) in words[..SLOTS].iter().enumerate() {
                same |= u32::from(other == wanted) << slot;
            }
            while same != 0 {
                let slot = same.trailing_zeros() as usize;
                same &= same - 1;
                if shift_of(words, slot) == shift && accept(place_of(words, slot)) {
                    return Some((bucket, slot));
                }
            }
            if words[SLOTS - 1] == 0 {
                break;
            }
        }
        None
    }

    /// Puts a place under `key`; false when no bucket has room for it.
    fn put(&mut self, key: u64, place: Place) -> bool {
        let home = home(key, self.buckets);
        let near = (0..=FARTHEST).map(|shift| ((home + shift) % self.buckets, shift));
        let Some((bucket, shift)) = near.into_iter().find(|&(bucket, _)| self.bucket(bucket)[SLOTS - 1] == 0) else {
            self.crowded = true;
            return false;
        };
        let words = self.bucket_mut(bucket);
        let slot = words[..SLOTS].iter().position(|&tag| tag == 0).unwrap_or(SLOTS - 1);
        words[slot] = tag(key) | shift as u16 & 7;
        set_place(words, slot, place);
        let shifts = shifts(words) | (shift as u32 >> 3) << (3 * slot);
        words[SHIFTS] = shifts as u16;
        words[SHIFTS + 1] = (shifts >> 16) as u16;
        self.used += 1;
        true
    }

    /// The fingerprints of all ids whose home is one of the buckets `from..to`.
    fn fingerprints(&self, from: usize, to: usize, into: &mut Vec<Fingerprint>) {
        // The last homes spill over into the first buckets; a small slice is gone round once.
        for at in from..(to + FARTHEST).min(from + self.buckets) {
            let bucket = at % self.buckets;
            let words = self.bucket(bucket);
            for slot in (0..SLOTS).filter(|&slot| words[slot] != 0) {
                let home = (at + self.buckets - shift_of(words, slot)) % self.buckets;
                let ours = (from..to).contains(&home);
                into.extend(ours.then(|| fingerprint(home, words[slot] & !7)));
            }
        }
    }
}

const fn fingerprint(home: usize, tag: u16) -> Fingerprint {
    (home as u64) << 16 | tag as u64
}

/// What a filter of a slice with so many buckets is asked for: the home, and the fingerprint.
pub(super) const fn asked_of(key: u64, buckets: usize) -> (usize, Fingerprint) {
    let home = home(key, buckets);
    (home, fingerprint(home, tag(key)))
}

fn shifts(words: &[u16]) -> u32 {
    u32::from(words[SHIFTS]) | u32::from(words[SHIFTS + 1]) << 16
}

fn shift_of(words: &[u16], slot: usize) -> usize {
    (shifts(words) >> (3 * slot) & 7) as usize * 8 + (words[slot] & 7) as usize
}

fn place_of(words: &[u16], slot: usize) -> Place {
    let at = PLACES + 2 * slot;
    Place(u32::from(words[at]) | u32::from(words[at + 1]) << 16)
}

const fn set_place(words: &mut [u16], slot: usize, place: Place) {
    let at = PLACES + 2 * slot;
    words[at] = place.0 as u16;
    words[at + 1] = (place.0 >> 16) as u16;
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Index {
    slices: Vec<Slice>,
    bytes: usize,
    most_bytes: usize,
    leaving: Leaving,
    /// Filters of ids that left.
    pub cold: Cold,
    /// Ids that left with the oldest slices.
    pub dropped: u64,
    /// Up to when events were read whose ids left.
    pub left_until: Option<Minute>,
}

/// The slices that go when the next one is opened. Their filters are made part by part while the newest slice fills, so that
/// nobody waits for them.
#[derive(Debug, Clone, Default)]
struct Leaving {
    slices: usize,
    parts: usize,
    /// Parts that are made, over all these slices.
    made: usize,
    filters: Vec<Filter>,
}

impl Index {
    /// An index that fills at most `bytes`, and `cold_bytes` with filters of what left it.
    pub fn new(bytes: usize, cold_bytes: usize) -> Self {
        let most_bytes = bytes.max(LARGEST_SLICES * Slice::bytes(LEAST_BUCKETS));
        let leaving = Leaving::default();
        let cold = Cold::new(cold_bytes);
        Self { slices: Vec::new(), bytes: 0, most_bytes, leaving, cold, dropped: 0, left_until: None }
    }

    /// Reads the slots where a key would be, so that they are in the cache when it is looked up a little later.
    pub fn warm(&self, key: u64) -> u64 {
        self.slices.iter().fold(0, |sum, slice| sum ^ u64::from(slice.bucket(home(key, slice.buckets))[0]))
    }

    /// The event that carries an id, newest slice first.
    pub fn get(&self, wanted: Wanted, recent: &Recent) -> Sight {
        self.find(wanted, recent).map_or_else(|sight| sight, |(_, _, reference)| Sight::Here(reference))
    }

    /// Which slot of which slice says so, and the event.
    fn find(&self, wanted: Wanted, recent: &Recent) -> Result<(usize, (usize, usize), EventRef), Sight> {
        let mut sight = Sight::Nowhere;
        let mut found = None;
        for (which, slice) in self.slices.iter().enumerate().rev() {
            let slot = slice.find(wanted.key, |place| {
                found = recent.carries(place, wanted.id);
                sight = Sight::Doubtful;
                found.is_some()
            });
            if let (Some(slot), Some(reference)) = (slot, found) {
                return Ok((which, slot, reference));
            }
        }
        Err(sight)
    }

    /// The event that carries an id; where there is none, `place` is put there, and `None` comes back.
    pub fn get_or_insert(&mut self, wanted: Wanted, place: Place, recent: &Recent) -> Option<EventRef> {
        match self.find(wanted, recent) {
            Ok((_, _, reference)) => Some(reference),
            Err(_) => {
                self.insert(wanted.key, (place, recent.seen(place)));
                None
            }
        }
    }

    fn insert(&mut self, key: u64, (place, seen): (Place, Option<Minute>)) {
        let put = self.slices.last_mut().is_some_and(|slice| !slice.is_full() && slice.put(key, place));
        if !put {
            self.open_slice();
        }
        if let Some(slice) = self.slices.last_mut() {
            // An empty slice has room for whatever comes.
            let _ = put || slice.put(key, place);
            slice.seen = slice.seen.max(seen);
        }
        self.make_filters();
    }

    fn open_slice(&mut self) {
        self.leave();
        let buckets = self.next_buckets();
        self.bytes += Slice::bytes(buckets);
        self.slices.push(Slice::new(buckets));
        let (next, mut bytes) = (Slice::bytes(self.next_buckets()), self.bytes);
        let oldest = self.slices.iter().take_while(|slice| {
            let goes = bytes + next > self.most_bytes;
            bytes -= Slice::bytes(slice.buckets);
            goes
        });
        self.leaving = Leaving::default();
        for slice in oldest {
            self.leaving.slices += 1;
            self.leaving.parts += Filter::parts(slice.buckets);
        }
    }

    fn next_buckets(&self) -> usize {
        let largest = self.most_bytes / LARGEST_SLICES / BUCKET_BYTES - 1;
        let first = FIRST_KEYS * 10 / FULL_TENTHS;
        self.slices.last().map_or(first, |last| last.buckets * GROWTH).min(largest)
    }

    /// Makes as many parts of filters as the newest slice is full.
    fn make_filters(&mut self) {
        let Some(newest) = self.slices.last().filter(|_| self.leaving.made < self.leaving.parts) else { return };
        let wanted = self.leaving.parts * newest.used / newest.capacity().max(1);
        while self.leaving.made < wanted.min(self.leaving.parts) {
            self.make_part();
        }
    }

    fn make_part(&mut self) {
        let leaving = &mut self.leaving;
        if leaving.filters.last().is_none_or(Filter::is_whole) {
            let slice = &self.slices[leaving.filters.len()];
            leaving.filters.push(Filter::new(slice.buckets, slice.used));
        }
        let which = leaving.filters.len() - 1;
        if let Some(filter) = leaving.filters.last_mut() {
            let slice = &self.slices[which];
            filter.push(|from, to, into| slice.fingerprints(from, to, into));
        }
        leaving.made += 1;
    }

    /// Lets the oldest slices go, as far as the next one needs their memory.
    fn leave(&mut self) {
        while self.leaving.made < self.leaving.parts {
            self.make_part();
        }
        let Leaving { slices, filters, .. } = std::mem::take(&mut self.leaving);
        for slice in self.slices.drain(..slices) {
            self.bytes -= Slice::bytes(slice.buckets);
            self.dropped += slice.used as u64;
            self.left_until = self.left_until.max(slice.seen);
        }
        filters.into_iter().for_each(|filter| self.cold.push(filter));
    }

    /// True when an id left with a slice, as far as the filters tell: about one in 250 a filter says so of an id that did not.
    pub fn may_have_left(&self, key: u64) -> bool {
        self.cold.may_hold(key)
    }

    /// Bytes in use, those of slots that are still empty included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests;

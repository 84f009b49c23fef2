//! What is left of ids that left memory: filters that say which of them the database may hold. They cost 1.2 bytes an id,
//! and spare questions: an id that is in no filter was not read as far back as the filters reach.

use super::index::asked_of;
use std::collections::VecDeque;
use xorf::{BinaryFuse8, Filter as _};

/// The home of an id in its slice, and the 13 bits of its hash that the slice kept.
pub(super) type Fingerprint = u64;

/// Buckets of a slice that make one part of its filter, at most: some 260,000 ids, which take about ten milliseconds. Larger
/// parts would save a fortieth of the bytes and stop the stream for longer.
const PART_BUCKETS: usize = 30_840;

/// The filter of one slice.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// `None` for a part that could not be made: it says maybe to all.
    parts: Vec<Option<BinaryFuse8>>,
    buckets: usize,
    ids: usize,
}

impl Filter {
    /// A filter with no part yet, of a slice with so many buckets and ids.
    pub fn new(buckets: usize, ids: usize) -> Self {
        Self { parts: Vec::new(), buckets, ids }
    }

    /// Parts of the filter of so many buckets.
    pub const fn parts(buckets: usize) -> usize {
        buckets.div_ceil(PART_BUCKETS)
    }

    /// Buckets of each part: all are about as large.
    const fn part_buckets(&self) -> usize {
        self.buckets.div_ceil(Self::parts(self.buckets))
    }

    /// True when all parts are made.
    pub fn is_whole(&self) -> bool {
        self.parts.len() == Self::parts(self.buckets)
    }

    /// Makes the next part of what `fingerprints` gives for some buckets.
    pub fn push(&mut self, fingerprints: impl Fn(usize, usize, &mut Vec<Fingerprint>)) {
        let from = self.parts.len() * self.part_buckets();
        let to = (from + self.part_buckets()).min(self.buckets);
        let mut all = Vec::new();
        fingerprints(from, to, &mut all);
        all.sort_unstable();
        all.dedup();
        self.parts.push(BinaryFuse8::try_from(&all).ok());
    }

    fn may_hold(&self, key: u64) -> bool {
        let (home, fingerprint) = asked_of(key, self.buckets);
        match self.parts.get(home / self.part_buckets()) {
            Some(Some(part)) => part.contains(&fingerprint),
            _ => true,
        }
    }

    fn bytes(&self) -> usize {
        let parts = self.parts.iter().flatten().map(|part| part.fingerprints.len());
        parts.sum::<usize>() + self.parts.capacity() * size_of::<Option<BinaryFuse8>>()
    }
}

/// All filters.
#[derive(Debug, Clone)]
pub(super) struct Cold {
    filters: VecDeque<Filter>,
    bytes: usize,
    most_bytes: usize,
    /// Ids that filters tell of.
    pub ids: u64,
    /// Ids that no filter tells of any more.
    pub dropped: u64,
}

impl Cold {
    /// Filters of at most `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self { filters: VecDeque::new(), bytes: 0, most_bytes: bytes, ids: 0, dropped: 0 }
    }

    /// Keeps a filter, and lets the oldest go for it.
    pub fn push(&mut self, filter: Filter) {
        self.bytes += filter.bytes();
        self.ids += filter.ids as u64;
        self.filters.push_back(filter);
        while self.bytes > self.most_bytes
            && let Some(oldest) = self.filters.pop_front()
        {
            self.bytes -= oldest.bytes();
            self.ids -= oldest.ids as u64;
            self.dropped += oldest.ids as u64;
        }
    }

    /// True when an id may be in one of the filters.
    pub fn may_hold(&self, key: u64) -> bool {
        self.filters.iter().any(|filter| filter.may_hold(key))
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

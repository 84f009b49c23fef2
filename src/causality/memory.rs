//! How much memory the engine may take, and how it is shared out. The budget decides the horizon: nothing here is touched
//! before it fills, so that a small tap stays small.

/// Bytes that the engine may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    bytes: u64,
}

/// The budget when nobody names another: some 13 million events, 40 minutes at 5,000 events a second.
const USUAL: u64 = 1 << 30;

/// Below this not even one slice of each table has room for what one read brings.
const LEAST: u64 = 16 << 20;

/// Shares of the budget, in hundredths. At a full budget an event takes 46 bytes in its page, 7 to 8 in the index of ids, 7 as a
/// fourth of its trace and 2 to 5 as a part of a merge: the shares stand to each other as these do, so that all horizons end
/// at about the same time.
mod share {
    /// Pages of recent events, with their ids.
    pub const RECENT: u64 = 56;
    /// From ids to their place in the pages.
    pub const IDS: u64 = 12;
    /// Trace and correlation ids.
    pub const SHARED: u64 = 12;
    /// Conversations that turned out to be others.
    pub const MERGES: u64 = 6;
    /// Ids that requests share with their replies.
    pub const REQUESTS: u64 = 1;
    /// Events that wait for a cause, or are orphaned and may be taken back.
    pub const OPEN: u64 = 9;
    /// Filters of ids that left memory.
    pub const COLD: u64 = 4;
}

impl Default for Memory {
    fn default() -> Self {
        Self { bytes: USUAL }
    }
}

impl Memory {
    /// The smallest budget that a tap can be given.
    pub const LEAST: u64 = LEAST;

    /// A budget of `bytes`.
    pub const fn new(bytes: u64) -> Self {
        Self { bytes }
    }

    const fn part(self, hundredths: u64) -> usize {
        (self.bytes / 100 * hundredths) as usize
    }

    pub(super) const fn recent(self) -> usize {
        self.part(share::RECENT)
    }

    pub(super) const fn ids(self) -> usize {
        self.part(share::IDS)
    }

    pub(super) const fn shared(self) -> usize {
        self.part(share::SHARED)
    }

    pub(super) const fn merges(self) -> usize {
        self.part(share::MERGES)
    }

    pub(super) const fn requests(self) -> usize {
        self.part(share::REQUESTS)
    }

    pub(super) const fn open(self) -> usize {
        self.part(share::OPEN)
    }

    pub(super) const fn cold(self) -> usize {
        self.part(share::COLD)
    }

    /// Events that it has room for.
    pub const fn events(self) -> u64 {
        self.recent() as u64 / super::recent::EVENT_BYTES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_make_the_whole() {
        let memory = Memory::new(100_000);
        let parts = [memory.recent(), memory.ids(), memory.shared(), memory.merges(), memory.requests(), memory.open()];
        assert_eq!(parts.iter().sum::<usize>() + memory.cold(), 100_000);
    }
}

//! Who waits for what, and who waited in vain and may still be taken back.
//!
//! All of them lie in blocks that never move. Those who wait for the same thing are chained in arrival order, and those whose
//! verdict is due are queued, so that a million children of one missing id cost no more than a million others.

use super::hashing::Secret;
use super::levels::Levels;
use crate::event::{Epoch, EventRef, EventRow, Evidence, Identifier};

/// Entries of a block.
const BLOCK: usize = 1 << 10;
/// Entries that there is room for whatever the budget.
const LEAST: usize = BLOCK;
/// Bytes of an entry, with its slots in both maps, which are three quarters full at best.
const ENTRY_BYTES: usize = size_of::<Option<Entry>>() + 2 * 16 * 4 / 3;
/// No neighbour.
const NONE: u32 = u32::MAX;

/// What an event waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// An event with this id.
    Id(Identifier),
    /// The record under this ref.
    Ref(EventRef),
    /// A record on a topic that was not heard of yet, under a hash of its coordinates.
    Elsewhere(u64),
}

/// Whether the database is asked for an id that is not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    /// It will be, or is asked just now.
    InHand,
    /// It does not have it.
    Answered,
}

/// An event whose cause was not seen yet, or that was orphaned and may still be taken back.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// The row, until the first commit puts it into the pending table.
    pub row: Option<Box<EventRow>>,
    pub claim: Claim,
    pub evidence: Evidence,
    pub stand: Stand,
    pub asked: Asked,
}

/// Where an open event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is judged once this epoch has passed.
    Due(Epoch),
    /// The barrier has passed; the database is asked.
    Held,
    /// It was judged, and may be taken back.
    Orphaned,
}

impl Stand {
    const fn queue(self) -> usize {
        match self {
            Self::Due(_) => 0,
            Self::Held => 1,
            Self::Orphaned => 2,
        }
    }
}

#[derive(Debug, Clone)]
struct Entry {
    child: EventRef,
    open: Open,
    /// Among those that wait under the same key. The first knows the last as the one before it.
    chain: Neighbours,
    /// Among those that stand alike.
    queue: Neighbours,
}

#[derive(Debug, Clone, Copy)]
struct Neighbours {
    before: u32,
    after: u32,
}

#[derive(Debug, Clone, Copy)]
struct Queue {
    first: u32,
    last: u32,
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    secret: Secret,
    blocks: Vec<Box<[Option<Entry>]>>,
    free: Vec<u32>,
    used: usize,
    most: usize,
    by_child: Levels,
    /// The first of each chain.
    ids: Levels,
    refs: Levels,
    elsewhere: Levels,
    /// By [`Stand`].
    queues: [Queue; 3],
}

impl Claims {
    /// Room for as many as `bytes` hold.
    pub fn new(bytes: usize, secret: Secret) -> Self {
        Self {
            secret,
            blocks: Vec::new(),
            free: Vec::new(),
            used: 0,
            most: (bytes / ENTRY_BYTES).max(LEAST),
            by_child: Levels::default(),
            ids: Levels::default(),
            refs: Levels::default(),
            elsewhere: Levels::default(),
            queues: [Queue { first: NONE, last: NONE }; 3],
        }
    }

    fn entry(&self, at: u32) -> Option<&Entry> {
        self.blocks.get(at as usize / BLOCK)?[at as usize % BLOCK].as_ref()
    }

    fn entry_mut(&mut self, at: u32) -> Option<&mut Entry> {
        self.blocks.get_mut(at as usize / BLOCK)?[at as usize % BLOCK].as_mut()
    }

    fn key(&self, claim: Claim) -> u64 {
        match claim {
            Claim::Id(id) => self.secret.key(id),
            Claim::Ref(reference) => reference.0 as u64,
            Claim::Elsewhere(hash) => hash,
        }
    }

    fn chains(&mut self, claim: Claim) -> &mut Levels {
        match claim {
            Claim::Id(_) => &mut self.ids,
            Claim::Ref(_) => &mut self.refs,
            Claim::Elsewhere(_) => &mut self.elsewhere,
        }
    }

    /// True when one has to go before another can come.
    pub fn is_full(&self) -> bool {
        self.used >= self.most
    }

    /// `child` is open from now on.
    pub fn add(&mut self, child: EventRef, open: Open) {
        let (claim, stand) = (open.claim, open.stand);
        let alone = Neighbours { before: NONE, after: NONE };
        let at = self.free_entry();
        if let Some(entry) = self.blocks.get_mut(at as usize / BLOCK) {
            entry[at as usize % BLOCK] = Some(Entry { child, open, chain: alone, queue: alone });
        }
        self.used += 1;
        self.by_child.insert(child.0 as u64, at);
        self.chain(at, claim);
        self.enqueue(at, stand);
    }

    fn free_entry(&mut self) -> u32 {
        if self.free.is_empty() {
            let from = (self.blocks.len() * BLOCK) as u32;
            self.blocks.push((0..BLOCK).map(|_| None).collect());
            self.free.extend((from..from + BLOCK as u32).rev());
        }
        self.free.pop().unwrap_or(NONE)
    }

    /// Puts an entry at the end of its chain.
    fn chain(&mut self, at: u32, claim: Claim) {
        let key = self.key(claim);
        let Some(first) = self.chains(claim).get(key) else {
            self.chains(claim).insert(key, at);
            self.link(at, |entry| entry.chain = Neighbours { before: at, after: NONE });
            return;
        };
        let last = self.entry(first).map_or(first, |entry| entry.chain.before);
        self.link(last, |entry| entry.chain.after = at);
        self.link(first, |entry| entry.chain.before = at);
        self.link(at, |entry| {
            entry.chain.after = NONE;
            if at != first {
                entry.chain.before = last;
            }
        });
    }

    fn unchain(&mut self, at: u32) {
        let Some(entry) = self.entry(at) else { return };
        let (claim, Neighbours { before, after }) = (entry.open.claim, entry.chain);
        let key = self.key(claim);
        let Some(first) = self.chains(claim).get(key) else { return };
        match (first == at, after) {
            (true, NONE) => {
                self.chains(claim).remove(key);
            }
            (true, _) => {
                // The second becomes the first, and knows the last.
                self.link(after, |entry| entry.chain.before = before);
                self.chains(claim).insert(key, after);
            }
            (false, NONE) => {
                self.link(before, |entry| entry.chain.after = NONE);
                self.link(first, |entry| entry.chain.before = before);
            }
            (false, _) => {
                self.link(before, |entry| entry.chain.after = after);
                self.link(after, |entry| entry.chain.before = before);
            }
        }
    }

    fn link(&mut self, at: u32, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entry_mut(at) {
            change(entry);
        }
    }

    fn enqueue(&mut self, at: u32, stand: Stand) {
        let queue = &mut self.queues[stand.queue()];
        let last = std::mem::replace(&mut queue.last, at);
        if queue.first == NONE {
            queue.first = at;
        }
        self.link(last, |entry| entry.queue.after = at);
        self.link(at, |entry| entry.queue = Neighbours { before: last, after: NONE });
    }

    fn dequeue(&mut self, at: u32) {
        let Some(entry) = self.entry(at) else { return };
        let (queue, Neighbours { before, after }) = (entry.open.stand.queue(), entry.queue);
        if self.queues[queue].first == at {
            self.queues[queue].first = after;
        }
        if self.queues[queue].last == at {
            self.queues[queue].last = before;
        }
        self.link(before, |entry| entry.queue.after = after);
        self.link(after, |entry| entry.queue.before = before);
    }

    /// An open event.
    pub fn get(&self, child: EventRef) -> Option<&Open> {
        let at = self.by_child.get(child.0 as u64)?;
        self.entry(at).filter(|entry| entry.child == child).map(|entry| &entry.open)
    }

    /// An open event, to take its row or note what was asked; its claim and where it stands have functions of their own.
    pub fn get_mut(&mut self, child: EventRef) -> Option<&mut Open> {
        let at = self.by_child.get(child.0 as u64)?;
        self.entry_mut(at).filter(|entry| entry.child == child).map(|entry| &mut entry.open)
    }

    /// It is open no more.
    pub fn remove(&mut self, child: EventRef) -> Option<Open> {
        let at = self.by_child.get(child.0 as u64)?;
        self.entry(at).filter(|entry| entry.child == child)?;
        self.dequeue(at);
        self.unchain(at);
        self.by_child.remove(child.0 as u64);
        self.used -= 1;
        self.free.push(at);
        let entry = self.blocks.get_mut(at as usize / BLOCK)?[at as usize % BLOCK].take();
        entry.map(|entry| entry.open)
    }

    /// It stands elsewhere from now on, behind all others there.
    pub fn stand(&mut self, child: EventRef, stand: Stand) {
        let Some(at) = self.by_child.get(child.0 as u64) else { return };
        self.dequeue(at);
        self.link(at, |entry| entry.open.stand = stand);
        self.enqueue(at, stand);
    }

    /// It waits for something else from now on.
    pub fn claim(&mut self, child: EventRef, claim: Claim) {
        let Some(at) = self.by_child.get(child.0 as u64) else { return };
        self.unchain(at);
        self.link(at, |entry| entry.open.claim = claim);
        self.chain(at, claim);
    }

    /// The longest due, with the epoch that judges it.
    pub fn first_due(&self) -> Option<(Epoch, EventRef)> {
        let entry = self.entry(self.queues[Stand::Due(Epoch(0)).queue()].first)?;
        match entry.open.stand {
            Stand::Due(epoch) => Some((epoch, entry.child)),
            _ => None,
        }
    }

    /// The one that stands longest as `stand` does.
    pub fn first(&self, stand: Stand) -> Option<EventRef> {
        self.entry(self.queues[stand.queue()].first).map(|entry| entry.child)
    }

    /// Among those who wait, the one that waits longest.
    pub fn longest_waiting(&self) -> Option<EventRef> {
        self.first(Stand::Held).or_else(|| self.first_due().map(|(_, child)| child))
    }

    /// Where to look for those who wait for `claim`; none do when there is none.
    pub fn waiters(&self, claim: Claim) -> Option<Waiters> {
        let chains = match claim {
            Claim::Id(_) => &self.ids,
            Claim::Ref(_) => &self.refs,
            Claim::Elsewhere(_) => &self.elsewhere,
        };
        if chains.is_empty() {
            return None;
        }
        chains.get(self.key(claim)).map(|first| Waiters { claim, next: first })
    }

    /// The next who waits, in arrival order; those before it may have been removed meanwhile. Whoever waits under the same
    /// hash for something else is passed over.
    pub fn next(&self, waiters: &mut Waiters) -> Option<EventRef> {
        while let Some(entry) = self.entry(waiters.next) {
            waiters.next = entry.chain.after;
            if entry.open.claim == waiters.claim {
                return Some(entry.child);
            }
        }
        None
    }

    /// Bytes that are in use at most.
    pub fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK * ENTRY_BYTES
    }
}

/// A walk over those who wait for one thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiters {
    claim: Claim,
    next: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const SECRET: Secret = Secret(0x1234_5678_9abc_def1, 0x0fed_cba9_8765_4321);

    fn open(claim: Claim, stand: Stand) -> Open {
        Open { row: None, claim, evidence: Evidence::CausationId, stand, asked: Asked::No }
    }

    fn waiting(claims: &Claims, claim: Claim) -> Vec<i64> {
        let mut waiters = claims.waiters(claim);
        std::iter::from_fn(|| claims.next(waiters.as_mut()?)).map(|child| child.0).collect()
    }

    #[test]
    fn those_who_wait_come_back_in_arrival_order_whoever_leaves() {
        let seed = 0xc1a1;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut claims = Claims::new(0, SECRET);
        let mut truth: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for step in 0..20_000 {
            let name = random.i64(..7);
            let claim = Claim::Ref(EventRef(name));
            let children = truth.entry(name).or_default();
            if random.u8(..5) > 2 {
                claims.add(EventRef(step), open(claim, Stand::Due(Epoch(step as u64))));
                children.push(step);
            } else if !children.is_empty() {
                let gone = children.remove(random.usize(..children.len()));
                assert!(claims.remove(EventRef(gone)).is_some(), "seed {seed:#x}, step {step}");
            }
            assert_eq!(waiting(&claims, claim), *children, "seed {seed:#x}, step {step}");
            let oldest = truth.values().flatten().min().copied();
            assert_eq!(claims.first_due().map(|(_, child)| child.0), oldest, "seed {seed:#x}, step {step}");
        }
        assert_eq!(claims.used, truth.values().map(Vec::len).sum::<usize>());
    }

    #[test]
    fn ids_with_one_hash_have_waiters_of_their_own() {
        let [one, other] = SECRET.collision().map(Claim::Id);
        let mut claims = Claims::new(0, SECRET);
        for child in 1..=4 {
            claims.add(EventRef(child), open(if child % 2 == 0 { one } else { other }, Stand::Held));
        }
        assert_eq!((waiting(&claims, one), waiting(&claims, other)), (vec![2, 4], vec![1, 3]));
        claims.remove(EventRef(1));
        claims.claim(EventRef(2), Claim::Elsewhere(9));
        claims.stand(EventRef(3), Stand::Orphaned);
        assert_eq!((waiting(&claims, one), waiting(&claims, other)), (vec![4], vec![3]));
        assert_eq!(waiting(&claims, Claim::Elsewhere(9)), [2]);
        assert_eq!((claims.first(Stand::Held), claims.first(Stand::Orphaned)), (Some(EventRef(2)), Some(EventRef(3))));
    }
}

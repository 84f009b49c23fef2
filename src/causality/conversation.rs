//! Conversations: sets of events that belong together, named by the ref of their smallest member.

use super::hashing::spread;
use super::sliced::{Sliced, Slot, number, words};
use crate::event::EventRef;

/// Members up to which a shared id joins events. An id that more events share (one constant correlation id, a trace as
/// long as a process) says nothing about belonging together.
pub(super) const HUB_MEMBERS: u32 = 10_000;

/// An id that several events share, as two keyed hashes: one says where it is looked for, and the other is compared. Two ids
/// are taken for one where both agree: at 10 million ids in memory and a billion looked up, with a chance of 4 in a billion
/// (each look-up compares some 68 slots, at 2^-64 each). What is joined then is a conversation, never an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SharedKey {
    pub hash: u64,
    pub check: u64,
}

/// A slot of a shared id: its check, how many events carry it, and their conversation.
fn shared_slot(key: SharedKey, members: u32, conversation: EventRef) -> Slot<5> {
    let [check_low, check_high] = words(key.check);
    let [low, high] = words(!conversation.0 as u64);
    [check_low, check_high, members, low, high]
}

/// A slot of a merge: the old id, and the one it belongs to.
fn merge_slot(old: EventRef, current: EventRef) -> Slot<4> {
    let ([old_low, old_high], [low, high]) = (words(old.0 as u64), words(!current.0 as u64));
    [old_low, old_high, low, high]
}

const fn reference(low: u32, high: u32) -> EventRef {
    EventRef(!(number(low, high) as i64))
}

/// Joins events into conversations.
#[derive(Debug, Clone)]
pub(super) struct Conversations {
    /// Ids that belong to a smaller one. Those that left are as old as events that left; the store resolves them for ever.
    merges: Sliced<4>,
    shared: Sliced<5>,
    /// Merges since the last commit: (old id, the id it belongs to now).
    pub merged: Vec<(EventRef, EventRef)>,
    /// Events that did not join because their shared id is a hub.
    pub hub_members: u64,
}

impl Conversations {
    /// Room for shared ids and for merges, in bytes.
    pub fn new(shared: usize, merges: usize) -> Self {
        Self { merges: Sliced::new(merges), shared: Sliced::new(shared), merged: Vec::new(), hub_members: 0 }
    }

    /// The id under which `conversation` goes now.
    pub fn current(&self, mut conversation: EventRef) -> EventRef {
        while let Some(next) = self.belongs_to(conversation) {
            conversation = next;
        }
        conversation
    }

    /// Always a smaller one, so that no way goes round in a circle.
    fn belongs_to(&self, old: EventRef) -> Option<EventRef> {
        let slot = self.merges.get(spread(old.0 as u64), words(old.0 as u64))?;
        Some(reference(slot[2], slot[3]))
    }

    /// As [`Self::current`], and shortens the way for those who go it later.
    fn shortened(&mut self, conversation: EventRef) -> EventRef {
        let current = self.current(conversation);
        let mut at = conversation;
        while let Some(next) = self.belongs_to(at).filter(|&next| next != current) {
            self.merge(at, current);
            at = next;
        }
        current
    }

    fn merge(&mut self, old: EventRef, current: EventRef) {
        let slot = merge_slot(old, current);
        if let Some(known) = self.merges.get_or_insert(spread(old.0 as u64), words(old.0 as u64), slot) {
            *known = slot;
        }
    }

    /// Takes in what an earlier run merged. A file that names a larger one was written by nobody here.
    pub fn restore_merge(&mut self, old: EventRef, current: EventRef) {
        let (old, current) = (self.current(old), self.current(current));
        if old != current {
            self.merge(old.max(current), old.min(current));
        }
    }

    /// Takes in that an event of an earlier run carried a shared id.
    pub fn restore_member(&mut self, key: SharedKey, conversation: EventRef) {
        let slot = shared_slot(key, 1, conversation);
        if let Some(shared) = self.shared.get_or_insert(key.hash, words(key.check), slot) {
            shared[2] = shared[2].saturating_add(1);
        }
    }

    /// Joins two conversations and returns the id of both: the smaller one.
    pub fn join(&mut self, a: EventRef, b: EventRef) -> EventRef {
        let (a, b) = (self.shortened(a), self.shortened(b));
        if a == b {
            return a;
        }
        let (small, large) = (a.min(b), a.max(b));
        self.merge(large, small);
        self.merged.push((large, small));
        small
    }

    /// The conversation of a new event, given its cause's conversation and the ids it shares with others.
    pub fn place(
        &mut self,
        event: EventRef,
        cause: Option<EventRef>,
        keys: impl IntoIterator<Item = SharedKey>,
    ) -> EventRef {
        let mut id = match cause {
            Some(cause) => self.current(cause),
            None => event,
        };
        let mut named = id != event;
        for key in keys {
            match self.meet(key, id) {
                // Nobody knows the event's own name yet, so it takes the other without a merge.
                Some(other) if !named => id = self.current(other),
                Some(other) => id = self.join(id, other),
                None => {}
            }
            named = true;
        }
        // An event smaller than all members gives the conversation its name.
        if event < id { self.join(event, id) } else { id }
    }

    /// Counts one more member under a shared id, and returns its conversation unless it is new or a hub. A new one
    /// starts with `conversation`.
    fn meet(&mut self, key: SharedKey, conversation: EventRef) -> Option<EventRef> {
        let slot = shared_slot(key, 1, conversation);
        let shared = self.shared.get_or_insert(key.hash, words(key.check), slot)?;
        shared[2] = shared[2].saturating_add(1);
        if shared[2] > HUB_MEMBERS {
            self.hub_members += 1;
            return None;
        }
        Some(reference(shared[3], shared[4]))
    }

    /// The conversation that a shared id names, unless it is a hub.
    pub fn of_key(&self, key: SharedKey) -> Option<EventRef> {
        let shared = self.shared.get(key.hash, words(key.check)).filter(|shared| shared[2] <= HUB_MEMBERS)?;
        Some(self.current(reference(shared[3], shared[4])))
    }

    /// Reads ahead for [`Conversations::place`].
    pub fn warm(&self, hash: u64) -> u32 {
        self.shared.warm(hash)
    }

    /// Shared ids that left memory.
    pub fn shared_dropped(&self) -> u64 {
        self.shared.dropped
    }

    /// Merges that left memory.
    pub fn merges_dropped(&self) -> u64 {
        self.merges.dropped
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.shared.bytes() + self.merges.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> SharedKey {
        SharedKey { hash: spread(n), check: n }
    }

    fn conversations() -> Conversations {
        Conversations::new(1 << 20, 1 << 20)
    }

    #[test]
    fn the_smallest_member_names_the_conversation_in_any_order() {
        let orders: [[i64; 3]; 6] = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
        for order in orders {
            let mut conversations = conversations();
            let ids: Vec<_> = order.iter().map(|&n| conversations.place(EventRef(n), None, [key(77)])).collect();
            assert!(ids.into_iter().all(|id| conversations.current(id) == EventRef(1)), "{order:?}");
        }
    }

    #[test]
    fn a_hub_joins_nobody() {
        let mut conversations = conversations();
        for n in 1..=i64::from(HUB_MEMBERS) {
            assert_eq!(conversations.place(EventRef(n), None, [key(5)]), EventRef(1));
        }
        let late = EventRef(i64::from(HUB_MEMBERS) + 1);
        assert_eq!(conversations.place(late, None, [key(5)]), late);
        assert_eq!(conversations.hub_members, 1);
    }

    #[test]
    fn ids_of_one_hash_join_nobody() {
        let mut conversations = conversations();
        for n in 1..=50 {
            let key = SharedKey { hash: 9, check: n };
            assert_eq!(conversations.place(EventRef(n as i64), None, [key]), EventRef(n as i64));
        }
        assert_eq!(conversations.place(EventRef(60), None, [SharedKey { hash: 9, check: 7 }]), EventRef(7));
    }

    #[test]
    fn long_ways_are_shortened_and_old_merges_leave() {
        let mut conversations = Conversations::new(1 << 20, 64 << 10);
        for n in (1..5_000).rev() {
            conversations.join(EventRef(n), EventRef(n + 1));
        }
        assert_eq!(conversations.current(EventRef(2_000)), EventRef(1));
        assert_eq!(conversations.belongs_to(EventRef(2_000)), Some(EventRef(1_999)));
        conversations.join(EventRef(2_000), EventRef(9_000));
        assert_eq!(conversations.belongs_to(EventRef(2_000)), Some(EventRef(1)));
        assert!(conversations.merges_dropped() > 0 && conversations.merges.bytes() <= 64 << 10);
        conversations.restore_merge(EventRef(1), EventRef(2_000));
        assert_eq!(conversations.current(EventRef(2_000)), EventRef(1), "no circle");
    }
}

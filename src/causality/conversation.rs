//! Conversations: sets of events that belong together, named by the ref of their smallest member.

use super::index::{Index, Spreading};
use crate::event::EventRef;
use std::collections::HashMap;

/// Members up to which a shared id joins events. An id that more events share (one constant correlation id, a trace as
/// long as a process) says nothing about belonging together.
pub(super) const HUB_MEMBERS: u32 = 10_000;

/// What is known of an id that several events share.
#[derive(Debug, Clone, Copy)]
struct Shared {
    conversation: EventRef,
    members: u32,
}

impl Default for Shared {
    fn default() -> Self {
        Self { conversation: EventRef(0), members: 0 }
    }
}

/// Joins events into conversations.
#[derive(Debug, Clone)]
pub(super) struct Conversations {
    belongs_to: HashMap<EventRef, EventRef, Spreading>,
    shared: Index<Shared>,
    /// Merges since the last commit: (old id, the id it belongs to now).
    pub merged: Vec<(EventRef, EventRef)>,
    /// Events that did not join because their shared id is a hub.
    pub hub_members: u64,
}

impl Conversations {
    pub fn new() -> Self {
        Self { belongs_to: HashMap::default(), shared: Index::new(), merged: Vec::new(), hub_members: 0 }
    }

    /// The id under which `conversation` goes now.
    pub fn current(&self, mut conversation: EventRef) -> EventRef {
        while let Some(&next) = self.belongs_to.get(&conversation) {
            conversation = next;
        }
        conversation
    }

    /// Takes in what an earlier run merged.
    pub fn restore_merge(&mut self, old: EventRef, current: EventRef) {
        self.belongs_to.insert(old, current);
    }

    /// Takes in that an event of an earlier run carried the shared id `key`.
    pub fn restore_member(&mut self, key: u64, conversation: EventRef) {
        if let Some(shared) = self.shared.get_or_insert(key, Shared { conversation, members: 1 }) {
            shared.members = shared.members.saturating_add(1);
        }
    }

    /// Joins two conversations and returns the id of both: the smaller one.
    pub fn join(&mut self, a: EventRef, b: EventRef) -> EventRef {
        let (a, b) = (self.current(a), self.current(b));
        if a == b {
            return a;
        }
        let (small, large) = (a.min(b), a.max(b));
        self.belongs_to.insert(large, small);
        self.merged.push((large, small));
        small
    }

    /// The conversation of a new event, given its cause's conversation and the ids it shares with others.
    pub fn place(&mut self, event: EventRef, cause: Option<EventRef>, keys: impl IntoIterator<Item = u64>) -> EventRef {
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
    fn meet(&mut self, key: u64, conversation: EventRef) -> Option<EventRef> {
        let shared = self.shared.get_or_insert(key, Shared { conversation, members: 1 })?;
        shared.members = shared.members.saturating_add(1);
        if shared.members > HUB_MEMBERS {
            self.hub_members += 1;
            return None;
        }
        Some(shared.conversation)
    }

    /// The conversation that a shared id names, unless it is a hub.
    pub fn of_key(&self, key: u64) -> Option<EventRef> {
        let shared = self.shared.get(key).filter(|shared| shared.members <= HUB_MEMBERS)?;
        Some(self.current(shared.conversation))
    }

    /// Reads ahead for [`Conversations::place`].
    pub fn warm(&self, key: u64) -> u64 {
        self.shared.warm(key)
    }

    /// Shared ids that left the index.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_member_names_the_conversation_in_any_order() {
        let orders: [[i64; 3]; 6] = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
        for order in orders {
            let mut conversations = Conversations::new();
            let ids: Vec<_> = order.iter().map(|&n| conversations.place(EventRef(n), None, [77])).collect();
            assert!(ids.into_iter().all(|id| conversations.current(id) == EventRef(1)), "{order:?}");
        }
    }

    #[test]
    fn a_hub_joins_nobody() {
        let mut conversations = Conversations::new();
        for n in 1..=i64::from(HUB_MEMBERS) {
            assert_eq!(conversations.place(EventRef(n), None, [5]), EventRef(1));
        }
        let late = EventRef(i64::from(HUB_MEMBERS) + 1);
        assert_eq!(conversations.place(late, None, [5]), late);
        assert_eq!(conversations.hub_members, 1);
    }
}

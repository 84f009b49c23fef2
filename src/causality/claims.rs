//! Who waits for what.

use super::index::Spreading;
use crate::event::EventRef;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What an event waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// An event with this id, by its key in the index.
    Id(u64),
    /// The record under this ref.
    Ref(EventRef),
    /// A record on a topic that was not heard of yet, under a hash of its coordinates.
    Elsewhere(u64),
}

/// Events that wait for the same thing, in arrival order. Most are alone, and cost no allocation.
#[derive(Debug, Clone)]
pub(super) enum Children {
    One(EventRef),
    Many(VecDeque<EventRef>),
}

impl Children {
    fn add(&mut self, child: EventRef) {
        match self {
            Self::One(first) => *self = Self::Many(VecDeque::from([*first, child])),
            Self::Many(all) => all.push_back(child),
        }
    }

    /// Lets `child` go if it stands first; true when nobody is left.
    fn forget_first(&mut self, child: EventRef) -> bool {
        match self {
            Self::One(first) => *first == child,
            Self::Many(all) => {
                if all.front() == Some(&child) {
                    all.pop_front();
                }
                all.is_empty()
            }
        }
    }
}

impl IntoIterator for Children {
    type Item = EventRef;
    type IntoIter = std::iter::Chain<std::option::IntoIter<EventRef>, std::collections::vec_deque::IntoIter<EventRef>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Self::One(first) => (Some(first), VecDeque::new()),
            Self::Many(all) => (None, all),
        };
        one.into_iter().chain(many)
    }
}

type Waiting<K> = HashMap<K, Children, Spreading>;

/// All claims. Each kind has a map of its own, since every event asks all of them and two are mostly empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    ids: Waiting<u64>,
    refs: Waiting<EventRef>,
    elsewhere: Waiting<u64>,
}

fn add<K: Eq + Hash>(waiting: &mut Waiting<K>, key: K, child: EventRef) {
    waiting.entry(key).and_modify(|children| children.add(child)).or_insert(Children::One(child));
}

fn take<K: Eq + Hash>(waiting: &mut Waiting<K>, key: &K) -> Option<Children> {
    if waiting.is_empty() { None } else { waiting.remove(key) }
}

fn forget_first<K: Eq + Hash>(waiting: &mut Waiting<K>, key: &K, child: EventRef) {
    if waiting.get_mut(key).is_some_and(|children| children.forget_first(child)) {
        waiting.remove(key);
    }
}

impl Claims {
    /// `child` waits for `claim` from now on.
    pub fn add(&mut self, claim: Claim, child: EventRef) {
        match claim {
            Claim::Id(key) => add(&mut self.ids, key, child),
            Claim::Ref(reference) => add(&mut self.refs, reference, child),
            Claim::Elsewhere(hash) => add(&mut self.elsewhere, hash, child),
        }
    }

    /// Whoever waits for `claim`; they wait no more.
    pub fn take(&mut self, claim: Claim) -> Option<Children> {
        match claim {
            Claim::Id(key) => take(&mut self.ids, &key),
            Claim::Ref(reference) => take(&mut self.refs, &reference),
            Claim::Elsewhere(hash) => take(&mut self.elsewhere, &hash),
        }
    }

    /// Lets the first who waits for `claim` go, if that is `child`.
    pub fn forget_first(&mut self, claim: Claim, child: EventRef) {
        match claim {
            Claim::Id(key) => forget_first(&mut self.ids, &key, child),
            Claim::Ref(reference) => forget_first(&mut self.refs, &reference, child),
            Claim::Elsewhere(hash) => forget_first(&mut self.elsewhere, &hash, child),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_come_back_in_arrival_order_and_once() {
        let mut claims = Claims::default();
        for child in 1..=3 {
            claims.add(Claim::Id(7), EventRef(child));
        }
        claims.add(Claim::Ref(EventRef(7)), EventRef(9));
        claims.forget_first(Claim::Id(7), EventRef(2));
        claims.forget_first(Claim::Id(7), EventRef(1));
        let children: Vec<_> = claims.take(Claim::Id(7)).into_iter().flatten().collect();
        assert_eq!(children, [EventRef(2), EventRef(3)]);
        assert!(claims.take(Claim::Id(7)).is_none() && claims.take(Claim::Elsewhere(7)).is_none());
        claims.forget_first(Claim::Ref(EventRef(7)), EventRef(9));
        assert!(claims.take(Claim::Ref(EventRef(7))).is_none());
    }
}

//! Several events under one id: which of them is meant.
//!
//! The same event may be published twice, a service may copy the headers of what it read onto what it writes, and two
//! services may count from one. An id is no name by itself then: the trace and the conversation of who names it decide,
//! and where they do not, only publications of one event stand for each other.

use super::claims::{Claim, Stand};
use super::hashing::Spreading;
use super::index::Sight;
use super::recent::Place;
use super::resolver::Resolver;
use super::trace_order::Member;
use crate::event::{Changes, EventRef, EventRow, Evidence, Identifier, Kind, Resolution, Settled, TraceContext};
use std::collections::{HashMap, VecDeque};

/// Ids of which more than one event is remembered. The oldest go first: their first event stays known.
const REPEATED: usize = 100_000;
/// Events remembered under one id beside the first. Of more, the trace of who names it cannot choose.
const FURTHER: usize = 15;
/// What was sent together carries the same time or the next, µs; a record that was read and passed on is later.
const TOGETHER: i64 = 1_000;
/// Clocks of one fleet differ by less, µs: only beyond it a timestamp says more than the order of reading.
const CLOCKS: i64 = 1_000_000;

/// Events that carry one id, beside the first of them.
#[derive(Debug, Clone, Default)]
struct Further {
    events: Vec<EventRef>,
    /// One that was not remembered is another event than the first.
    several: bool,
}

/// Events that carry an id which another one carried before.
#[derive(Debug, Clone, Default)]
pub(super) struct Holders {
    /// By the halves of the id.
    further: HashMap<(u64, u64), Further, Spreading>,
    order: VecDeque<(u64, u64)>,
}

impl Holders {
    fn get(&self, id: Identifier) -> Option<&Further> {
        self.further.get(&(id.hi, id.lo))
    }

    /// All events that are remembered under `id`, the first one first.
    fn all(&self, id: Identifier, first: EventRef) -> Vec<EventRef> {
        let further = self.get(id).map_or(&[][..], |further| &further.events);
        std::iter::once(first).chain(further.iter().copied()).collect()
    }

    /// One more event carries `id`, beside the first; `same` when it is the same event once more.
    pub fn add(&mut self, id: Identifier, holder: EventRef, same: bool) {
        let key = (id.hi, id.lo);
        let further = self.further.entry(key).or_default();
        if further.events.is_empty() {
            self.order.push_back(key);
        }
        if further.events.len() < FURTHER {
            further.events.push(holder);
        } else {
            further.several |= !same;
        }
        if self.order.len() > REPEATED
            && let Some(oldest) = self.order.pop_front()
        {
            self.further.remove(&oldest);
        }
    }
}

/// Who answers for an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    One(EventRef),
    /// Several events carry it, and nothing says which is meant.
    Several,
}

/// What a record held is not known: it was read before a restart.
pub(super) const NO_PRINT: u16 = 0;

/// A few bits of what a record holds. Two publications of one event have the same.
pub(super) fn print(row: &EventRow) -> u16 {
    let key = row.key_hash.unwrap_or(0) ^ (row.key_bytes as u64) << 32 ^ row.value_bytes as u64;
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48).max(1) as u16
}

impl Resolver {
    /// The event that `child` means by an id.
    pub(super) fn holder(&self, id: Identifier, child: &EventRow) -> Holder {
        let Sight::Here(first) = self.ids.get(self.wanted(id), &self.recent) else { return Holder::Nobody };
        let Some(further) = self.holders.get(id) else {
            return if first == child.reference { Holder::Nobody } else { Holder::One(first) };
        };
        let mut all = self.holders.all(id, first);
        all.retain(|holder| *holder != child.reference);
        let in_trace = |holder: &EventRef| self.in_trace(child, *holder).is_some();
        let conversations: Vec<EventRef> = self.conversations_named(child);
        let in_conversation = |holder: &EventRef| {
            let known = self.recent.get(*holder);
            known.is_some_and(|known| conversations.contains(&self.conversations.current(known.conversation)))
        };
        match all[..] {
            [] => return Holder::Nobody,
            [one] => return Holder::One(one),
            _ => {}
        }
        if let Some(one) = only(all.iter().copied().filter(in_trace)) {
            return Holder::One(one);
        }
        if let Some(one) = only(all.iter().copied().filter(in_conversation)) {
            return Holder::One(one);
        }
        let one_event = !further.several && all.iter().all(|other| self.is_same_event(all[0], *other));
        if one_event { Holder::One(all[0]) } else { Holder::Several }
    }

    /// The conversations that the trace and the correlation id of `row` name.
    fn conversations_named(&self, row: &EventRow) -> Vec<EventRef> {
        self.shared_keys(row).into_iter().flatten().filter_map(|key| self.conversations.of_key(key)).collect()
    }

    fn in_trace(&self, row: &EventRow, other: EventRef) -> Option<Member> {
        let trace = self.secret.key(row.trace.map(TraceContext::identifier)?);
        self.trace_order.member(trace, other)
    }

    /// Published twice, or passed on within one conversation.
    fn is_same_event(&self, a: EventRef, b: EventRef) -> bool {
        let (Some(x), Some(y)) = (self.recent.get(a), self.recent.get(b)) else { return false };
        let alike = x.print == y.print || x.print == NO_PRINT || y.print == NO_PRINT;
        let twice = x.lineage == y.lineage && alike;
        twice || self.conversations.current(x.conversation) == self.conversations.current(y.conversation)
    }

    /// The event whose headers `row` carries on another topic, if it was read before: its own id, in one trace and span, at
    /// a later time. True when nothing but the topic differs.
    pub(super) fn passed_on(&self, row: &EventRow, topic: u32) -> Option<(EventRef, bool)> {
        if !answers(row.kind) {
            return None;
        }
        let id = row.id?;
        let Sight::Here(first) = self.ids.get(self.wanted(id), &self.recent) else { return None };
        let all = self.holders.all(id, first);
        // What lies on its own topic already was published twice.
        if all.iter().any(|holder| self.topic_of(*holder) == Some(topic)) {
            return None;
        }
        let members = all.into_iter().filter_map(|holder| self.in_trace(row, holder));
        let earlier =
            members.filter(|member| member.time + TOGETHER < row.record_time.0 && is_one_context(member, row));
        let original = earlier.min_by_key(|member| (member.time, member.reference))?.reference;
        let known = self.recent.get(original)?;
        Some((original, known.print == print(row) && known.profile == row.profile))
    }

    fn topic_of(&self, event: EventRef) -> Option<u32> {
        self.trace_order.topic(self.recent.get(event)?.lineage)
    }

    /// Makes the event findable by its id. Gives the id where nobody had it before: somebody may wait for it. Copies do
    /// not answer for their original.
    pub(super) fn register(&mut self, row: &EventRow, place: Place, changes: &mut Changes) -> Option<Identifier> {
        if !answers(row.kind) {
            return None;
        }
        let id = row.id?;
        let Some(first) = self.ids.get_or_insert(self.wanted(id), place, &self.recent) else {
            return Some(id);
        };
        self.limits.repeated_ids += 1;
        let same = self.is_same_event(first, row.reference);
        if same {
            self.join(row.reference, first);
        }
        let others = self.holders.all(id, first);
        self.holders.add(id, row.reference, same);
        let own = self.topic_of(row.reference);
        if let Some(&first) = others.iter().find(|other| self.topic_of(**other) == own).filter(|_| same) {
            self.note_again(first, row.reference, row.record_time);
        }
        self.turn_round(row, &others, changes);
        self.move_children(row, (id, &others), changes);
        None
    }

    /// What was passed on, or published again, came before what it repeats.
    fn turn_round(&mut self, row: &EventRow, others: &[EventRef], changes: &mut Changes) {
        let own = self.topic_of(row.reference);
        for &other in others {
            let Some(member) = self.in_trace(row, other) else { continue };
            let cause = self.recent.get(other).and_then(|known| known.cause.get());
            let passes_on = cause.is_some_and(|cause| others.contains(&cause));
            let earlier = row.record_time.0 + CLOCKS < member.time && is_one_context(&member, row);
            let is_twin = || others.iter().any(|twin| *twin != other && self.topic_of(*twin) == self.topic_of(other));
            if self.topic_of(other) == own {
                let claim = self.claim_by_id(row).map(|(claim, _)| claim);
                let named = match claim {
                    Some(Claim::Id(id)) => Some(self.secret.key(id)),
                    _ => None,
                };
                if passes_on && member.named == named {
                    self.adopt(other, row, changes);
                }
            } else if earlier && !is_twin() && (!passes_on || self.is_before(row, cause)) {
                self.relink(other, (row.reference, Evidence::Forward), changes);
            }
        }
    }

    fn is_before(&self, row: &EventRow, other: Option<EventRef>) -> bool {
        let other = other.and_then(|other| self.in_trace(row, other));
        other.is_none_or(|member| row.record_time.0 < member.time)
    }

    /// `twin` was taken for a record that was passed on, and is one that was published again: it has the cause of `row`.
    fn adopt(&mut self, twin: EventRef, row: &EventRow, changes: &mut Changes) {
        let (resolution, cause) = match row.resolution {
            // Its row is written: it is called orphaned, and watched as orphans are until the cause comes.
            Resolution::Waiting { .. } => {
                self.restore_orphan(&EventRow { reference: twin, ..row.clone() }, None);
                (Resolution::Orphaned(self.absence), None)
            }
            resolution => (resolution, row.cause),
        };
        self.recent.change(twin, |known| {
            known.cause = cause.map(|(cause, _)| cause).into();
            known.resolution = resolution;
        });
        let conversation = self.join(twin, row.reference);
        changes.retracted.push(Settled { reference: twin, resolution, conversation, cause });
        self.chain_changed(twin);
    }

    /// Events of the new holder's trace that named its id mean it, and not the one that was known before.
    fn move_children(&mut self, row: &EventRow, (id, others): (Identifier, &[EventRef]), changes: &mut Changes) {
        let Some(trace) = row.trace.map(|trace| self.secret.key(trace.identifier())) else { return };
        if others.iter().any(|other| self.trace_order.member(trace, *other).is_some()) {
            return;
        }
        for child in self.trace_order.naming(trace, self.secret.key(id)) {
            let cause = self.recent.get(child).and_then(|known| known.cause.get());
            if child != row.reference && cause.is_some_and(|cause| others.contains(&cause)) {
                self.relink(child, (row.reference, Evidence::CausationId), changes);
            }
        }
    }

    /// `child` has another cause than was believed.
    fn relink(&mut self, child: EventRef, cause: (EventRef, Evidence), changes: &mut Changes) {
        if self.recent.get(child).is_none() {
            return;
        }
        self.recent.change(child, |known| {
            known.cause = Some(cause.0).into();
            known.resolution = Resolution::Caused;
        });
        let conversation = self.join(child, cause.0);
        let settled = Settled { reference: child, resolution: Resolution::Caused, conversation, cause: Some(cause) };
        match self.claims.remove(child) {
            Some(open) => {
                self.waiting -= u64::from(open.stand != Stand::Orphaned);
                self.conclude((open.row, open.stand), settled, changes);
            }
            None => {
                changes.retracted.push(settled);
                self.chain_changed(child);
            }
        }
    }
}

/// Whether an event of this kind answers for its id. Retries and dead letters carry the id of what failed.
pub(super) fn answers(kind: Kind) -> bool {
    !kind.is_copy() && kind != Kind::Internal
}

fn is_one_context(member: &Member, row: &EventRow) -> bool {
    row.trace.is_some_and(|trace| trace.parent_id == member.span)
}

fn only(mut some: impl Iterator<Item = EventRef>) -> Option<EventRef> {
    some.next().filter(|_| some.next().is_none())
}

//! Finds causes: at once when the cause was seen, later when it comes, never when the barrier says so.

use super::bare::Bare;
use super::barrier::Barrier;
use super::claims::{Claim, Claims};
use super::conversation::{Conversations, SharedKey};
use super::failures::Failures;
use super::hashing::{Secret, Spreading};
use super::holders::{Holder, Holders, answers, print};
use super::index::{Index, Sight, Wanted};
use super::lineage::Lineages;
use super::memory::Memory;
use super::proof::Proofs;
use super::recall::Recall;
use super::recent::{Known, Minute, Recent};
use super::sliced::{Sliced, number, words};
use super::trace_order::TraceOrder;
use crate::event::{
    Changes, EventRef, EventRow, Evidence, Extra, FailureNotice, HashKey, Identifier, Kind, OrphanReason, Resolution,
    Settled, Timestamp, TraceContext,
};
use std::collections::HashMap;

/// A record that another one names by its coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// On a partition that has its number: the ref, and whether the tap has read it, will, or never can.
    Here(EventRef, Horizon),
    /// Where the tap does not read at all.
    Nowhere(OrphanReason),
    /// On a topic that was not heard of yet, under a hash of its coordinates; see [`Resolver::placed`].
    Elsewhere(u64),
}

impl Named {
    /// True when it is `event` that is named.
    pub fn is(&self, event: EventRef) -> bool {
        matches!(self, Self::Here(named, _) if *named == event)
    }
}

/// Where named coordinates lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// Read already.
    Read,
    /// Not read yet.
    Ahead,
    /// Out of reach.
    Lost(OrphanReason),
}

/// One event on its way in.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The row; resolution and conversation are filled in here.
    pub row: EventRow,
    /// It says itself that nothing caused it.
    pub says_root: bool,
    /// Number of its topic (one number for all partitions).
    pub topic: u32,
    /// Number of its type.
    pub event_type: i32,
    /// What it says about a failure, with its signature.
    pub failure: Option<(&'a FailureNotice, String)>,
    /// The record that failed, where it is named by coordinates.
    pub origin: Option<Named>,
    /// The record that it gives to its readers once more, where it names that.
    pub again: Option<EventRef>,
    /// What it says beyond its envelope.
    pub extra: Option<&'a Extra>,
}

/// What limits cost so far; each is a counter of the tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Ids that left the index: the horizon got shorter.
    pub ids_dropped: u64,
    /// Trace and correlation ids that left the index.
    pub shared_ids_dropped: u64,
    /// Merges of conversations that left memory; the store keeps them.
    pub merges_dropped: u64,
    /// Pages of recent events that were let go.
    pub pages_dropped: u64,
    /// Ids that left memory and of which no filter tells any more.
    pub filters_dropped: u64,
    /// Orphans that are watched no more.
    pub orphans_dropped: u64,
    /// Events that were judged before their barrier had passed, because too many waited.
    pub waiting_dropped: u64,
    /// Times that an id was looked up whose hash was known, and no event in memory carried it.
    pub hashes_refuted: u64,
    /// Failures that are followed no more.
    pub failures_dropped: u64,
    /// Events whose id another event carries too.
    pub repeated_ids: u64,
    /// Events that name their cause by an id that several different events carry.
    pub ambiguous_ids: u64,
    /// Events that did not join a conversation because their shared id is a hub.
    pub hub_members: u64,
}

/// What is kept in memory, and the bytes it takes: slots that are still empty included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Events that are known.
    pub events: u64,
    /// Their pages.
    pub recent: u64,
    /// The index of their ids.
    pub ids: u64,
    /// Shared ids and merges.
    pub conversations: u64,
    /// Events that wait, or may be taken back.
    pub open: u64,
    /// Ids of which filters tell.
    pub cold_ids: u64,
    /// Those filters.
    pub cold: u64,
}

impl Footprint {
    /// All of it.
    pub const fn bytes(&self) -> u64 {
        self.recent + self.ids + self.conversations + self.open + self.cold
    }
}

/// What can be said about an event when it is read.
enum AtSight {
    Settled(Resolution),
    Caused(EventRef, Evidence),
    Waits(Claim, Evidence, Sight),
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Resolver {
    pub(super) secret: Secret,
    /// For what is compared where two ids share a hash.
    check: Secret,
    pub(super) ids: Index,
    /// What requests share with their replies: the id in full, and the request.
    pub(super) requests: Sliced<6>,
    pub(super) recent: Recent,
    pub(super) holders: Holders,
    pub(super) conversations: Conversations,
    pub(super) lineages: Lineages,
    pub(super) failures: Failures,
    pub(super) bare: Bare,
    pub(super) trace_order: TraceOrder,
    pub(super) barrier: Barrier,
    pub(super) proofs: Proofs,
    pub(super) claims: Claims,
    pub(super) recall: Recall,
    /// Waiting events that no commit has written yet.
    pub(super) fresh: Vec<EventRef>,
    pub(super) waiting: u64,
    /// Why a cause that is named by id and never came is not there.
    pub(super) absence: OrphanReason,
    pub(super) limits: Limits,
}

impl Resolver {
    /// `secret` keys the index, so that ids from outside cannot be aimed at one slot.
    pub fn new(secret: HashKey) -> Self {
        Self::with_memory(secret, Memory::default())
    }

    /// As [`Self::new`], with a budget of its own.
    pub fn with_memory(secret: HashKey, memory: Memory) -> Self {
        let word = |salt: &[u8]| secret.hash(salt);
        let (secret, check) = (Secret(word(b"hi"), word(b"lo")), Secret(word(b"check hi"), word(b"check lo")));
        Self {
            secret,
            check,
            ids: Index::new(memory.ids(), memory.cold()),
            requests: Sliced::new(memory.requests()),
            recent: Recent::new(memory.recent()),
            conversations: Conversations::new(memory.shared(), memory.merges()),
            holders: Holders::default(),
            lineages: Lineages::new(),
            failures: Failures::default(),
            bare: Bare::default(),
            trace_order: TraceOrder::default(),
            barrier: Barrier::default(),
            proofs: Proofs::default(),
            claims: Claims::new(memory.open(), secret),
            recall: Recall::default(),
            fresh: Vec::new(),
            waiting: 0,
            absence: OrphanReason::NeverSeen,
            limits: Limits::default(),
        }
    }

    /// Says why a cause that is named by an id may be missing, given where reading began and what was left out.
    pub fn set_absence(&mut self, reason: OrphanReason) {
        self.absence = reason;
    }

    /// Reads ahead where an event's ids will be looked up. Called for a few events before the first of them is
    /// resolved, so that their cache misses overlap instead of following each other.
    pub fn warm(&self, id: Option<Identifier>, causation: Option<Identifier>, trace: Option<TraceContext>) -> u64 {
        let id = id.map_or(0, |id| self.ids.warm(self.secret.key(id)));
        let causation = causation.map_or(0, |id| self.ids.warm(self.secret.key(id)));
        let trace = trace.map_or(0, |trace| self.conversations.warm(self.secret.key(trace.identifier())));
        id ^ causation ^ u64::from(trace)
    }

    /// Takes one event in.
    pub fn resolve(&mut self, arrival: Arrival<'_>, changes: &mut Changes) {
        let Arrival { mut row, says_root, topic, event_type, failure, origin, again, extra } = arrival;
        let reference = row.reference;
        let lineage = self.lineages.number(topic, event_type);
        let passed_on = self.passed_on(&row, topic).filter(|_| origin.is_none());
        if passed_on.is_some_and(|(_, unchanged)| unchanged) {
            row.kind = Kind::Forward;
        }
        let sight = match passed_on {
            Some((original, _)) => AtSight::Caused(original, Evidence::Forward),
            None => self.judge_at_sight(&row, says_root, origin.filter(|named| !named.is(reference))),
        };
        let ambiguous = matches!(sight, AtSight::Settled(Resolution::Orphaned(OrphanReason::AmbiguousId)));
        self.limits.ambiguous_ids += u64::from(ambiguous);
        row.cause = match sight {
            AtSight::Caused(cause, evidence) => Some((cause, evidence)),
            _ => None,
        };
        let cause = row.cause.map(|(cause, _)| cause);
        row.resolution = match sight {
            AtSight::Settled(resolution) => resolution,
            AtSight::Caused(..) => Resolution::Caused,
            AtSight::Waits(..) => Resolution::Waiting { blocked: false },
        };
        let cause_conversation = cause.and_then(|cause| self.recent.get(cause)).map(|known| known.conversation);
        let keys = self.shared_keys(&row);
        let secrets = (self.secret, self.check);
        // An id that says the same thing twice makes one member.
        let further = extra.iter().flat_map(|extra| &extra.shared).map(|id| shared_key(secrets, *id));
        let shared = keys.into_iter().flatten().chain(further.filter(|key| !keys.contains(&Some(*key))));
        row.conversation = self.conversations.place(reference, cause_conversation, shared);
        let known = Known {
            id: row.id.filter(|_| answers(row.kind)).map(|id| (id.hi, id.lo)),
            conversation: row.conversation,
            cause: cause.into(),
            resolution: row.resolution,
            lineage,
            profile: row.profile,
            seen: Minute::of(row.seen_time),
            print: print(&row),
        };
        let place = self.recent.insert(reference, known);
        let correlation = keys[1].or(keys[0].filter(|_| row.correlation.is_some())).map(|key| key.hash);
        self.note_trace(&row, (lineage, topic), correlation);
        let own = self.register(&row, place, changes);
        let asked = extra.and_then(|extra| extra.request).map(Identifier::as_request);
        if let Some(id) = asked {
            self.register_request(id, reference);
        }
        if let Some(first) = again {
            self.note_again(first, reference, row.record_time);
        }
        if let Some((notice, signature)) = failure {
            let origin = match origin {
                Some(Named::Here(origin, _)) => Some(origin),
                _ => None,
            };
            self.note_failure(&row, notice, signature, origin);
            self.note_if_bare(&row);
        }
        if let AtSight::Waits(claim, evidence, sight) = sight {
            self.wait(row, (claim, evidence), sight, changes);
        } else {
            self.lineages.settle(lineage, cause.is_some());
            changes.events.push(&row);
        }
        // Children may have come before their cause, whether they name it by id or by coordinates.
        for id in own.into_iter().chain(asked) {
            self.satisfy(Claim::Id(id), reference, changes);
        }
        self.satisfy(Claim::Ref(reference), reference, changes);
    }

    fn judge_at_sight(&self, row: &EventRow, says_root: bool, origin: Option<Named>) -> AtSight {
        if let Some(named) = origin {
            let evidence = Evidence::FailureCoordinates;
            return match named {
                Named::Here(origin, _) if origin != row.reference && self.recent.get(origin).is_some() => {
                    AtSight::Caused(origin, evidence)
                }
                Named::Here(origin, Horizon::Read) => AtSight::Caused(origin, evidence),
                Named::Here(origin, Horizon::Ahead) => AtSight::Waits(Claim::Ref(origin), evidence, Sight::Nowhere),
                Named::Here(_, Horizon::Lost(reason)) => AtSight::Settled(Resolution::Orphaned(reason)),
                Named::Nowhere(reason) => AtSight::Settled(Resolution::Orphaned(reason)),
                Named::Elsewhere(hash) => AtSight::Waits(Claim::Elsewhere(hash), evidence, Sight::Nowhere),
            };
        }
        if says_root {
            return AtSight::Settled(Resolution::Root);
        }
        let Some((claim, evidence)) = self.claim_by_id(row) else { return AtSight::Settled(Resolution::Unlinked) };
        let Claim::Id(id) = claim else { return AtSight::Waits(claim, evidence, Sight::Nowhere) };
        if evidence == Evidence::Reply {
            return match self.request(id) {
                Some(request) => AtSight::Caused(request, evidence),
                None => AtSight::Waits(claim, evidence, Sight::Nowhere),
            };
        }
        match self.holder(id, row) {
            Holder::One(cause) => AtSight::Caused(cause, evidence),
            Holder::Several => AtSight::Settled(Resolution::Orphaned(OrphanReason::AmbiguousId)),
            Holder::Nobody => AtSight::Waits(claim, evidence, self.ids.get(self.wanted(id), &self.recent)),
        }
    }

    /// The request that shares this id with its reply.
    fn request(&self, id: Identifier) -> Option<EventRef> {
        let slot = self.requests.get(self.secret.key(id), id_words(id))?;
        Some(EventRef(!(number(slot[4], slot[5]) as i64)))
    }

    pub(super) fn wanted(&self, id: Identifier) -> Wanted {
        Wanted { id, key: self.secret.key(id) }
    }

    /// The id under which the event names its cause. A copy names its original by its own id; the causation id that it
    /// carries is its original's. A reply names its request by the id that only the two of them share.
    pub(super) fn claim_by_id(&self, row: &EventRow) -> Option<(Claim, Evidence)> {
        let (named, evidence) = match (row.kind.is_copy(), row.id, row.causation) {
            (true, Some(id), _) => (id, Evidence::Forward),
            (_, _, Some(id)) if matches!(row.kind, Kind::Reply | Kind::Fault) && row.correlation == Some(id) => {
                (id.as_request(), Evidence::Reply)
            }
            (_, _, Some(id)) => (id, Evidence::CausationId),
            _ => return None,
        };
        Some((Claim::Id(named), evidence))
    }

    pub(super) fn shared_keys(&self, row: &EventRow) -> [Option<SharedKey>; 2] {
        let trace = row.trace.map(TraceContext::identifier);
        self.distinct_keys([trace, row.correlation])
    }

    /// A correlation id that is the trace id says the same thing once.
    pub(super) fn distinct_keys(&self, ids: [Option<Identifier>; 2]) -> [Option<SharedKey>; 2] {
        let [first, second] = ids.map(|id| id.map(|id| shared_key((self.secret, self.check), id)));
        [first, second.filter(|_| first != second)]
    }

    /// Makes a request findable by what it shares with its reply.
    pub(super) fn register_request(&mut self, id: Identifier, request: EventRef) {
        let ([hi, hi_high, lo, lo_high], [low, high]) = (id_words(id), words(!request.0 as u64));
        let slot = [hi, hi_high, lo, lo_high, low, high];
        self.requests.get_or_insert(self.secret.key(id), id_words(id), slot);
    }

    /// Hands over what a commit has to write besides what was pushed already.
    pub fn commit(&mut self, changes: &mut Changes) {
        for reference in std::mem::take(&mut self.fresh) {
            let Some(open) = self.claims.get_mut(reference) else { continue };
            let Some(mut row) = open.row.take() else { continue };
            row.resolution = Resolution::Waiting { blocked: self.barrier.blocked() };
            row.conversation = self.conversations.current(row.conversation);
            changes.pending.push(&row);
        }
        changes.aliases.append(&mut self.conversations.merged);
        self.commit_failures(changes);
        self.judge_traces(self.barrier.passed(), changes);
        self.commit_trials(changes);
        Self::keep_last_verdicts(changes);
    }

    /// Of several verdicts on an event the last one stands, and one on an event of this commit is written with it.
    fn keep_last_verdicts(changes: &mut Changes) {
        let verdicts = std::mem::take(&mut changes.retracted);
        let mut last: HashMap<EventRef, Settled, Spreading> = HashMap::default();
        last.extend(verdicts.iter().map(|verdict| (verdict.reference, *verdict)));
        for at in 0..if last.is_empty() { 0 } else { changes.events.len() } {
            if let Some(verdict) = last.remove(&EventRef(changes.events.reference[at])) {
                changes.events.amend(at, &verdict);
            }
        }
        for settled in &mut changes.settled {
            if let Some(verdict) = last.remove(&settled.reference) {
                *settled = verdict;
            }
        }
        changes.retracted.extend(verdicts.iter().filter_map(|verdict| last.remove(&verdict.reference)));
    }

    /// Waiting events that no commit has written yet.
    pub fn unwritten(&self) -> usize {
        self.fresh.len()
    }

    /// Events that wait for their cause.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// True when a partition holds back the verdicts that wait.
    pub fn blocked(&self) -> bool {
        self.barrier.blocked()
    }

    /// What limits cost so far.
    pub fn limits(&self) -> Limits {
        Limits {
            ids_dropped: self.ids.dropped,
            shared_ids_dropped: self.conversations.shared_dropped(),
            merges_dropped: self.conversations.merges_dropped(),
            pages_dropped: self.recent.pages_dropped,
            filters_dropped: self.ids.cold.dropped,
            failures_dropped: self.failures.dropped,
            hub_members: self.conversations.hub_members,
            ..self.limits
        }
    }

    /// What is kept, and the bytes it takes.
    pub fn footprint(&self) -> Footprint {
        Footprint {
            events: self.recent.events,
            recent: self.recent.bytes() as u64,
            ids: self.ids.bytes() as u64,
            conversations: self.conversations.bytes() as u64,
            open: self.claims.bytes() as u64,
            cold_ids: self.ids.cold.ids,
            cold: self.ids.cold.bytes() as u64,
        }
    }

    /// From when on all events that were read are in memory; `None` when no event left it.
    pub fn memory_since(&self) -> Option<Timestamp> {
        self.recent.left_until.max(self.ids.left_until).and_then(Minute::end)
    }
}

fn shared_key((secret, check): (Secret, Secret), id: Identifier) -> SharedKey {
    SharedKey { hash: secret.key(id), check: check.key(id) }
}

/// The two halves of an id as words of a slot.
fn id_words(id: Identifier) -> [u32; 4] {
    let ([hi, hi_high], [lo, lo_high]) = (words(id.hi), words(id.lo));
    [hi, hi_high, lo, lo_high]
}

//! Finds causes: at once when the cause was seen, later when it comes, never when the barrier says so.

use super::bare::Bare;
use super::barrier::Barrier;
use super::claims::{Claim, Claims};
use super::conversation::Conversations;
use super::failures::Failures;
use super::holders::{Holder, Holders, print};
use super::index::{Index, Secret, Spreading};
use super::lineage::Lineages;
use super::recent::{Known, Minute, Recent};
use super::trace_order::TraceOrder;
use crate::event::{
    BarrierSample, Changes, Epoch, EventRef, EventRow, Evidence, Extra, FailureNotice, HashKey, Identifier, Kind,
    Ordinal, OrphanReason, Resolution, Settled, TraceContext,
};
use std::collections::{HashMap, VecDeque};

/// Orphans that are watched for a cause that comes after all. The oldest are let go first, and counted.
const ORPHANS_WATCHED: usize = 1_000_000;

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
    /// Pages of recent events that were let go.
    pub pages_dropped: u64,
    /// Orphans that are watched no more.
    pub orphans_dropped: u64,
    /// Failures that are followed no more.
    pub failures_dropped: u64,
    /// Events whose id another event carries too.
    pub repeated_ids: u64,
    /// Events that name their cause by an id that several different events carry.
    pub ambiguous_ids: u64,
    /// Events that did not join a conversation because their shared id is a hub.
    pub hub_members: u64,
}

/// An event whose cause was not seen yet, or that was orphaned and may still be taken back.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// The row, until the first commit puts it into the pending table.
    pub(super) row: Option<Box<EventRow>>,
    pub(super) claim: Claim,
    pub(super) evidence: Evidence,
    pub(super) orphaned: bool,
}

/// What can be said about an event when it is read.
enum AtSight {
    Settled(Resolution),
    Caused(EventRef, Evidence),
    Waits(Claim, Evidence),
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Resolver {
    pub(super) secret: Secret,
    pub(super) ids: Index<i64>,
    pub(super) recent: Recent,
    pub(super) holders: Holders,
    pub(super) conversations: Conversations,
    pub(super) lineages: Lineages,
    pub(super) failures: Failures,
    pub(super) bare: Bare,
    pub(super) trace_order: TraceOrder,
    pub(super) barrier: Barrier,
    pub(super) claims: Claims,
    pub(super) open: HashMap<EventRef, Open, Spreading>,
    /// Waiting events by the epoch that may judge them.
    pub(super) due: VecDeque<(Epoch, EventRef)>,
    /// Waiting events that no commit has written yet.
    fresh: Vec<EventRef>,
    orphans: VecDeque<EventRef>,
    pub(super) waiting: u64,
    /// Why a cause that is named by id and never came is not there.
    absence: OrphanReason,
    pub(super) limits: Limits,
}

impl Resolver {
    /// `secret` keys the index, so that ids from outside cannot be aimed at one slot.
    pub fn new(secret: HashKey) -> Self {
        let word = |salt: &[u8]| secret.hash(salt);
        Self {
            secret: Secret(word(b"hi"), word(b"lo")),
            ids: Index::new(),
            recent: Recent::default(),
            holders: Holders::default(),
            conversations: Conversations::new(),
            lineages: Lineages::new(),
            failures: Failures::default(),
            bare: Bare::default(),
            trace_order: TraceOrder::default(),
            barrier: Barrier::default(),
            claims: Claims::default(),
            open: HashMap::default(),
            due: VecDeque::new(),
            fresh: Vec::new(),
            orphans: VecDeque::new(),
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
        id ^ causation ^ trace
    }

    /// Takes one event in.
    pub fn resolve(&mut self, arrival: Arrival<'_>, changes: &mut Changes) {
        let Arrival { mut row, says_root, topic, event_type, failure, origin, extra } = arrival;
        let reference = row.reference;
        let lineage = self.lineages.number(topic, event_type);
        let passed_on = self.passed_on(&row, topic).filter(|_| origin.is_none());
        if passed_on.is_some_and(|(_, unchanged)| unchanged) {
            row.kind = Kind::Forward;
        }
        let sight = match passed_on {
            Some((original, _)) => AtSight::Caused(original, Evidence::Forward),
            None => self.judge_at_sight(&row, says_root, origin),
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
        // An id that says the same thing twice makes one member.
        let further = extra.iter().flat_map(|extra| &extra.shared).map(|id| self.secret.key(*id));
        let shared = keys.into_iter().flatten().chain(further.filter(|key| !keys.contains(&Some(*key))));
        row.conversation = self.conversations.place(reference, cause_conversation, shared);
        let known = Known {
            conversation: row.conversation,
            cause: cause.into(),
            resolution: row.resolution,
            lineage,
            profile: row.profile,
            seen: Minute::of(row.seen_time),
            print: print(&row),
        };
        self.recent.insert(reference, known);
        self.note_trace(&row, (lineage, topic), keys[1].or(keys[0].filter(|_| row.correlation.is_some())));
        let own = self.register(&row, changes);
        let asked = extra.and_then(|extra| extra.request).map(|id| self.secret.key(id.as_request()));
        if let Some(key) = asked {
            self.ids.get_or_insert(key, reference.0);
        }
        if let Some((notice, signature)) = failure {
            let origin = match origin {
                Some(Named::Here(origin, _)) => Some(origin),
                _ => None,
            };
            self.note_failure(&row, notice, signature, origin);
            self.note_if_bare(&row);
        }
        if let AtSight::Waits(claim, evidence) = sight {
            self.wait(row, claim, evidence);
        } else {
            self.lineages.settle(lineage, cause.is_some());
            changes.events.push(&row);
        }
        // Children may have come before their cause, whether they name it by id or by coordinates.
        for key in own.into_iter().chain(asked) {
            self.satisfy(Claim::Id(key), reference, changes);
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
                Named::Here(origin, Horizon::Ahead) => AtSight::Waits(Claim::Ref(origin), evidence),
                Named::Here(_, Horizon::Lost(reason)) => AtSight::Settled(Resolution::Orphaned(reason)),
                Named::Nowhere(reason) => AtSight::Settled(Resolution::Orphaned(reason)),
                Named::Elsewhere(hash) => AtSight::Waits(Claim::Elsewhere(hash), evidence),
            };
        }
        if says_root {
            return AtSight::Settled(Resolution::Root);
        }
        let Some((claim, evidence)) = self.claim_by_id(row) else { return AtSight::Settled(Resolution::Unlinked) };
        match claim {
            Claim::Id(key) => match self.holder(key, row) {
                Holder::One(cause) => AtSight::Caused(cause, evidence),
                Holder::Several => AtSight::Settled(Resolution::Orphaned(OrphanReason::AmbiguousId)),
                Holder::Nobody => AtSight::Waits(claim, evidence),
            },
            claim => AtSight::Waits(claim, evidence),
        }
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
        Some((Claim::Id(self.secret.key(named)), evidence))
    }

    pub(super) fn shared_keys(&self, row: &EventRow) -> [Option<u64>; 2] {
        let trace = row.trace.map(TraceContext::identifier);
        self.distinct_keys([trace, row.correlation])
    }

    /// A correlation id that is the trace id says the same thing once.
    pub(super) fn distinct_keys(&self, ids: [Option<Identifier>; 2]) -> [Option<u64>; 2] {
        let [first, second] = ids.map(|id| id.map(|id| self.secret.key(id)));
        [first, second.filter(|_| first != second)]
    }

    fn wait(&mut self, row: EventRow, claim: Claim, evidence: Evidence) {
        let reference = row.reference;
        self.claims.add(claim, reference);
        self.due.push_back((self.barrier.epoch(), reference));
        self.fresh.push(reference);
        self.waiting += 1;
        self.open.insert(reference, Open { row: Some(Box::new(row)), claim, evidence, orphaned: false });
    }

    /// `cause` has come: whoever claims it is caused by it.
    fn satisfy(&mut self, claim: Claim, cause: EventRef, changes: &mut Changes) {
        let Some(children) = self.claims.take(claim) else { return };
        for child in children.into_iter().filter(|&child| child != cause) {
            let Some(open) = self.open.remove(&child) else { continue };
            self.waiting -= u64::from(!open.orphaned);
            let conversation = self.join(child, cause);
            if let Some(known) = self.recent.get_mut(child) {
                known.cause = Some(cause).into();
            }
            let found = Settled {
                reference: child,
                resolution: Resolution::Caused,
                conversation,
                cause: Some((cause, open.evidence)),
            };
            self.conclude(open, found, changes);
        }
    }

    /// The topic of a record that was named while nobody had heard of it has turned up: reading of it begins now.
    pub fn placed(&mut self, hash: u64, origin: EventRef) {
        let Some(children) = self.claims.take(Claim::Elsewhere(hash)) else { return };
        for child in children {
            if let Some(open) = self.open.get_mut(&child) {
                open.claim = Claim::Ref(origin);
            }
            self.claims.add(Claim::Ref(origin), child);
            self.name_failure_origin(child, origin, (Evidence::FailureCoordinates, 1.0));
        }
    }

    pub(super) fn join(&mut self, child: EventRef, cause: EventRef) -> EventRef {
        let of = |r: EventRef| self.recent.get(r).map_or(r, |known| known.conversation);
        let (child, cause) = (of(child), of(cause));
        self.conversations.join(child, cause)
    }

    /// Writes down what was found out about an open event, wherever its row is by now.
    pub(super) fn conclude(&mut self, open: Open, settled: Settled, changes: &mut Changes) {
        let Settled { reference: child, resolution, conversation, cause } = settled;
        if let Some(known) = self.recent.get_mut(child) {
            known.resolution = resolution;
            known.conversation = conversation;
            let lineage = known.lineage;
            if !open.orphaned {
                self.lineages.settle(lineage, resolution == Resolution::Caused);
            }
        }
        match (open.row, open.orphaned) {
            (Some(mut row), _) => {
                row.resolution = resolution;
                row.conversation = conversation;
                row.cause = cause;
                changes.events.push(&row);
            }
            (None, false) => changes.settled.push(settled),
            (None, true) => changes.retracted.push(settled),
        }
        self.chain_changed(child);
    }

    /// The tap has read the partition `ordinal` up to `next`.
    pub fn advance(&mut self, ordinal: Ordinal, next: i64, changes: &mut Changes) {
        self.barrier.advance(ordinal, next);
        self.judge(changes);
    }

    /// Which barrier sample to take now, if any event waits for one.
    pub fn ask_barrier(&mut self) -> Option<Epoch> {
        let asks = [self.failures.has_candidates(), self.bare.has_candidates(), self.trace_order.has_candidates()];
        (self.waiting > 0 || asks.contains(&true)).then(|| self.barrier.ask()).flatten()
    }

    /// Takes the sample that was asked for. `ahead` are the ends that were not read past yet.
    pub fn barrier(&mut self, sample: &BarrierSample, ahead: HashMap<Ordinal, i64>, changes: &mut Changes) {
        self.barrier.sampled(sample.epoch, ahead, sample.unreachable.len());
        self.judge(changes);
    }

    /// The sample that was asked for could not be taken.
    pub fn barrier_failed(&mut self) {
        self.barrier.failed();
    }

    /// The input has ended: nothing more will come, so everything can be judged.
    pub fn end_of_input(&mut self, changes: &mut Changes) {
        while let Some((_, reference)) = self.due.pop_front() {
            self.orphan(reference, changes);
        }
        self.heal_all();
        self.judge_all_traces(changes);
        self.release_bare(Epoch(u64::MAX));
    }

    fn judge(&mut self, changes: &mut Changes) {
        let passed = self.barrier.passed();
        while let Some(&(epoch, reference)) = self.due.front()
            && epoch <= passed
        {
            self.due.pop_front();
            self.orphan(reference, changes);
        }
        self.heal(passed);
        self.judge_traces(passed, changes);
        self.release_bare(passed);
    }

    fn orphan(&mut self, reference: EventRef, changes: &mut Changes) {
        let Some(open) = self.open.get_mut(&reference).filter(|open| !open.orphaned) else { return };
        let judged = Open { row: open.row.take(), ..*open };
        open.orphaned = true;
        self.waiting -= 1;
        let conversation = match self.recent.get(reference) {
            Some(known) => self.conversations.current(known.conversation),
            None => reference,
        };
        let resolution = Resolution::Orphaned(self.absence);
        self.conclude(judged, Settled { reference, resolution, conversation, cause: None }, changes);
        self.watch(reference);
        self.orphaned_bare(reference);
    }

    /// Keeps an orphan in sight of the cause that may still come.
    pub(super) fn watch(&mut self, orphan: EventRef) {
        self.orphans.push_back(orphan);
        if self.orphans.len() > ORPHANS_WATCHED {
            self.forget_oldest_orphan();
        }
    }

    fn forget_oldest_orphan(&mut self) {
        let Some(oldest) = self.orphans.pop_front() else { return };
        let Some(claim) = self.open.get(&oldest).filter(|open| open.orphaned).map(|open| open.claim) else { return };
        self.open.remove(&oldest);
        self.limits.orphans_dropped += 1;
        // Children of one claim are orphaned in arrival order, so the oldest stands first.
        self.claims.forget_first(claim, oldest);
    }

    /// Hands over what a commit has to write besides what was pushed already.
    pub fn commit(&mut self, changes: &mut Changes) {
        for reference in std::mem::take(&mut self.fresh) {
            let Some(open) = self.open.get_mut(&reference) else { continue };
            let Some(mut row) = open.row.take() else { continue };
            row.resolution = Resolution::Waiting { blocked: self.barrier.blocked() };
            row.conversation = self.conversations.current(row.conversation);
            changes.pending.push(&row);
        }
        changes.aliases.append(&mut self.conversations.merged);
        self.commit_failures(changes);
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
            shared_ids_dropped: self.conversations.dropped(),
            pages_dropped: self.recent.dropped,
            failures_dropped: self.failures.dropped,
            hub_members: self.conversations.hub_members,
            ..self.limits
        }
    }
}

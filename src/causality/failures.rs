//! Failures and their way back to the root.

mod case;
mod group_name;
mod who;

use self::case::{Consumed, Redriven, Repeats};
use self::who::Topics;
use super::resolver::Resolver;
use crate::event::{
    Changes, Epoch, EventRef, EventRow, Evidence, FailureKind, FailureNotice, FailureRow, FailureState, GroupEvidence,
    OrphanReason, Resolution,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// Failures that are followed as their chains change. The oldest are let go first, and counted.
const FAILURES_FOLLOWED: usize = 200_000;
/// Attempts of one failure that settle it together: a record may be tried for ever. The oldest are let go first, and counted.
const ATTEMPTS_FOLLOWED: usize = 1_000;
/// Steps from a failure towards its root. Longer chains do not occur; cycles do.
const LONGEST_CHAIN: usize = 10_000;

/// Confidence in coordinates of a convention that names the wrong record now and then.
const DOUBTFUL: f32 = 0.5;

/// What a failure is one attempt of: the record that failed and the group that tried.
type Case = (EventRef, Option<String>);

/// The failures that are followed.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    rows: HashMap<EventRef, FailureRow>,
    order: VecDeque<EventRef>,
    /// Failures by the event at which their chain ends for now.
    hanging: HashMap<EventRef, Vec<EventRef>>,
    /// Failures whose chain ends in an unlinked event, by its lineage.
    suspects: HashMap<u32, Vec<EventRef>>,
    /// In order, so that all cases of one origin lie together.
    cases: BTreeMap<Case, Vec<EventRef>>,
    /// Failures that name no group, by the topics whose readers may tell it.
    unnamed: BTreeSet<(u32, EventRef)>,
    pub(super) topics: Topics,
    /// Retries that nobody has given up on, by ref: a range of them lies below a committed offset.
    retrying: BTreeSet<EventRef>,
    /// Events that were given to their groups again after these had given up, by ref, with the cases.
    redriven: BTreeMap<EventRef, Vec<Redriven>>,
    pub(super) repeats: Repeats,
    /// What was consumed, and the epoch after which no failure can follow any more.
    consumed: VecDeque<(Epoch, Consumed)>,
    /// Attempts that name an earlier attempt, and not the record that failed first.
    indirect: HashSet<EventRef>,
    /// Signatures of attempts that go by that of their case.
    signatures: HashMap<EventRef, String>,
    dirty: HashSet<EventRef>,
    /// Failures that are followed no more.
    pub dropped: u64,
}

impl Failures {
    /// True when the next barrier decides something.
    pub fn has_candidates(&self) -> bool {
        !self.consumed.is_empty()
    }

    /// One that is followed.
    pub fn get(&self, failure: EventRef) -> Option<&FailureRow> {
        self.rows.get(&failure)
    }

    /// What a row is an attempt of. A record on a topic that is not read has no ref: its coordinates stand for it.
    fn case_of(&self, row: &FailureRow) -> Option<Case> {
        let origin = row.origin.or_else(|| self.topics.unread(row))?;
        Some((origin, row.consumer_group.clone()))
    }

    fn follow(&mut self, row: FailureRow) {
        let reference = row.reference;
        self.order.push_back(reference);
        self.rows.insert(reference, row);
        self.enter(reference);
        if self.order.len() > FAILURES_FOLLOWED
            && let Some(oldest) = self.order.pop_front()
        {
            self.leave(oldest);
            self.rows.remove(&oldest);
            self.retrying.remove(&oldest);
            self.indirect.remove(&oldest);
            self.signatures.remove(&oldest);
            self.dropped += 1;
        }
    }

    /// Changes what is known of a failure: its case is another one then, perhaps.
    fn change(&mut self, failure: EventRef, change: impl FnOnce(&mut FailureRow)) {
        let was = self.leave(failure);
        if let Some(row) = self.rows.get_mut(&failure) {
            change(row);
            // On its own it is what it says; its case settles the rest.
            match (row.kind, row.state) {
                (FailureKind::Retry, FailureState::Dead) => row.state = FailureState::Retrying,
                (FailureKind::DeadLetter, FailureState::Retrying) => row.state = FailureState::Dead,
                _ => {}
            }
            self.dirty.insert(failure);
        }
        self.enter(failure);
        // Those that it leaves behind are another failure.
        if let Some(case) = was.filter(|case| self.cases.contains_key(case)) {
            self.settle_case(&case);
            self.sign_case(&case);
        }
    }

    /// Takes a failure out of its case, which it gives.
    fn leave(&mut self, failure: EventRef) -> Option<Case> {
        let row = self.rows.get(&failure).cloned()?;
        self.forget_unnamed(&row);
        let case = self.case_of(&row)?;
        let attempts = self.cases.get_mut(&case)?;
        attempts.retain(|attempt| *attempt != failure);
        if attempts.is_empty() {
            self.cases.remove(&case);
        }
        Some(case)
    }

    fn enter(&mut self, failure: EventRef) {
        let Some(row) = self.rows.get(&failure).cloned() else { return };
        self.note_unnamed(&row);
        if row.state == FailureState::Retrying && row.kind == FailureKind::Retry {
            self.retrying.insert(failure);
        }
        if let Some(case) = self.case_of(&row) {
            let attempts = self.cases.entry(case.clone()).or_default();
            if attempts.len() >= ATTEMPTS_FOLLOWED {
                attempts.remove(0);
                self.dropped += 1;
            }
            attempts.push(failure);
            self.settle_case(&case);
            self.sign_case(&case);
        }
    }

    /// What people count once has one signature: that of the last attempt that names the record which failed first.
    fn sign_case(&mut self, case: &Case) {
        let Some(attempts) = self.cases.get(case) else { return };
        let rows = attempts.iter().filter_map(|attempt| self.rows.get(attempt));
        let telling = |row: &&FailureRow| (!self.indirect.contains(&row.reference), row.time, row.reference);
        let Some(last) = rows.max_by_key(telling) else { return };
        let signature = self.signatures.get(&last.reference).unwrap_or(&last.signature).clone();
        for attempt in attempts {
            let Some(row) = self.rows.get_mut(attempt).filter(|row| row.signature != signature) else { continue };
            let own = std::mem::replace(&mut row.signature, signature.clone());
            let own = self.signatures.remove(attempt).unwrap_or(own);
            if own != signature {
                self.signatures.insert(*attempt, own);
            }
            self.dirty.insert(*attempt);
        }
    }

    /// The failures of one record, of all groups; the first of them, where there are very many.
    fn of_origin(&self, origin: EventRef) -> impl Iterator<Item = EventRef> {
        let cases = self.cases.range((origin, None)..).take_while(move |((of, _), _)| *of == origin);
        cases.flat_map(|(_, attempts)| attempts.iter().copied()).take(ATTEMPTS_FOLLOWED)
    }

    /// The record that failed first, where `named` is a failure itself or was given to its group again. A circle ends where it
    /// began.
    fn first_origin(&self, failure: EventRef, named: EventRef) -> EventRef {
        let mut at = named;
        for _ in 0..LONGEST_CHAIN {
            let before = self.rows.get(&at).and_then(|row| row.origin).or_else(|| self.repeats.original(at));
            match before {
                Some(before) if before != at && before != failure => at = before,
                _ => return at,
            }
        }
        named
    }

    /// `failure` is an attempt of what failed before it: so are those that name it.
    fn carry_on(&mut self, failure: EventRef) {
        for later in self.of_origin(failure).collect::<Vec<_>>() {
            let first = self.first_origin(later, failure);
            if first != failure {
                self.indirect.insert(later);
                self.change(later, |row| set_origin(row, first));
            }
        }
    }

    /// The origin of a failure that names none, as far as it was found.
    fn concluded(&self, failure: EventRef) -> Option<EventRef> {
        let row = self.rows.get(&failure)?;
        row.origin.filter(|_| row.origin_evidence == Some(Evidence::SameValue))
    }
}

/// Gives a failure another origin, whose coordinates are told when it is written.
fn set_origin(row: &mut FailureRow, origin: EventRef) {
    if row.origin != Some(origin) {
        (row.origin_topic, row.origin_partition, row.origin_offset) = (None, None, None);
        row.origin = Some(origin);
        // It counts with what failed, which is looked up where it is not remembered.
        (row.counted_time, row.counted_profile) = (row.seen_time, None);
    }
}

/// Where a chain of causes ends.
enum End {
    Root(EventRef),
    Unlinked(EventRef, u32),
    Waiting(EventRef),
    Orphaned(EventRef, OrphanReason),
    BeyondMemory,
}

impl Resolver {
    /// Begins to follow the failure that `event` is evidence of.
    pub(super) fn note_failure(
        &mut self,
        event: &EventRow,
        notice: &FailureNotice,
        signature: String,
        origin: Option<EventRef>,
    ) {
        // What names itself names nothing.
        let names_itself = origin == Some(event.reference);
        let named = origin.filter(|_| !names_itself);
        let origin = named.map(|named| self.failures.first_origin(event.reference, named));
        let state = if notice.kind == FailureKind::Retry { FailureState::Retrying } else { FailureState::Dead };
        if origin != named {
            self.failures.indirect.insert(event.reference);
        }
        let told = notice.origin.as_ref().filter(|_| origin == named && !names_itself);
        let row = FailureRow {
            reference: event.reference,
            kind: notice.kind,
            state,
            origin,
            origin_evidence: origin.map(|_| Evidence::FailureCoordinates),
            origin_confidence: origin.map(|_| if notice.doubtful { DOUBTFUL } else { 1.0 }),
            origin_topic: told.map(|o| o.topic.clone()).or_else(|| notice.origin_topic.clone()),
            origin_partition: told.map(|o| o.partition),
            origin_offset: told.map(|o| o.offset),
            root: None,
            consumer_group: notice.group.clone(),
            group_evidence: notice.group.as_ref().map(|_| GroupEvidence::Named),
            candidate_groups: Vec::new(),
            attempt: notice.attempt,
            error_class: notice.error_class.clone(),
            error_message: notice.error_message.clone(),
            signature,
            // The time within a copy is that of what failed.
            time: event.record_time,
            orphan_reason: None,
            healed_by: None,
            healed_evidence: None,
            changed_at: event.seen_time,
            seen_time: event.seen_time,
            counted_time: event.seen_time,
            counted_profile: None,
            root_profile: None,
        };
        self.follow_failure(row);
    }

    /// Takes in a failure of an earlier run.
    pub fn restore_failure(&mut self, row: FailureRow) {
        let reference = row.reference;
        self.failures.repeats.restore(&row);
        self.follow_failure(row);
        self.failures.dirty.clear();
        self.restore_bare(reference);
    }

    fn follow_failure(&mut self, row: FailureRow) {
        let reference = row.reference;
        self.failures.follow(row);
        self.failures.carry_on(reference);
        self.failures.reconsider_all(reference, &self.trace_order.readings);
        self.walk(reference);
    }

    /// What is known of `event`'s cause has changed: failures whose chain ended there look again.
    pub(super) fn chain_changed(&mut self, event: EventRef) {
        for failure in self.failures.hanging.remove(&event).unwrap_or_default() {
            self.walk(failure);
        }
        // Its own chain went on from what was concluded, and hung nowhere.
        if self.failures.concluded(event).is_some() {
            self.walk(event);
        }
    }

    fn walk(&mut self, failure: EventRef) {
        if !self.failures.rows.contains_key(&failure) {
            return;
        }
        let (root, reason, hangs_on) = match self.chain_end(failure) {
            // A failure record that names no origin at all has lost the way at its first step.
            End::Unlinked(end, _) if end == failure => (None, Some(OrphanReason::ContextLost), None),
            End::Unlinked(end, lineage) => {
                self.failures.suspects.entry(lineage).or_default().push(failure);
                match self.lineages.loses(lineage) {
                    true => (None, Some(OrphanReason::ContextLost), None),
                    false => (Some(end), None, None),
                }
            }
            End::Root(root) => (Some(root), None, None),
            End::Waiting(end) => (None, None, Some(end)),
            End::Orphaned(end, reason) => (None, Some(reason), Some(end)),
            // Nothing is known beyond what is remembered: what was found out before stands.
            End::BeyondMemory => {
                self.failures.dirty.insert(failure);
                return;
            }
        };
        if let Some(end) = hangs_on {
            self.failures.hanging.entry(end).or_default().push(failure);
        }
        let root_profile = root.and_then(|root| self.recent.get(root)).map(|known| known.profile);
        let by_id = self.recent.get(failure).and_then(|known| known.cause.get());
        if let Some(row) = self.failures.rows.get_mut(&failure) {
            row.root = root;
            row.root_profile = root_profile;
            row.orphan_reason = reason;
        }
        if let Some(origin) = by_id {
            self.name_failure_origin(failure, origin, (Evidence::Forward, 1.0));
        }
        self.failures.dirty.insert(failure);
    }

    /// The failure's origin was found out after the failure itself. What was concluded gives way to what is declared.
    pub(super) fn name_failure_origin(
        &mut self,
        failure: EventRef,
        origin: EventRef,
        (evidence, confidence): (Evidence, f32),
    ) {
        let Some(row) = self.failures.rows.get(&failure) else { return };
        let is_concluded = row.origin_evidence == Some(Evidence::SameValue);
        if row.origin.is_some() && (!is_concluded || evidence == Evidence::SameValue) {
            return;
        }
        let origin = self.failures.first_origin(failure, origin);
        self.failures.change(failure, |row| {
            let keeps = row.origin.is_none() && row.origin_offset.is_some();
            if !keeps {
                set_origin(row, origin);
            }
            row.origin = Some(origin);
            row.origin_evidence = Some(evidence);
            row.origin_confidence = Some(confidence);
            if evidence == Evidence::SameValue {
                // It named nothing, so its way back was lost; from here on it is its origin's.
                row.orphan_reason = None;
            }
        });
        self.failures.carry_on(failure);
        self.failures.reconsider_all(failure, &self.trace_order.readings);
    }

    fn chain_end(&self, failure: EventRef) -> End {
        let mut at = failure;
        for _ in 0..LONGEST_CHAIN {
            let Some(known) = self.recent.get(at) else { return End::BeyondMemory };
            match (known.resolution, known.cause.get()) {
                (Resolution::Root, _) => return End::Root(at),
                (Resolution::Waiting { .. }, _) => return End::Waiting(at),
                (Resolution::Orphaned(reason), _) => return End::Orphaned(at, reason),
                (_, Some(cause)) => at = cause,
                (_, None) => match self.failures.concluded(at).or_else(|| self.failures.repeats.original(at)) {
                    Some(origin) => at = origin,
                    None => return End::Unlinked(at, known.lineage),
                },
            }
        }
        End::BeyondMemory
    }

    /// Hands over the failures that are new or changed.
    pub(super) fn commit_failures(&mut self, changes: &mut Changes) {
        let mut changed = std::mem::take(&mut self.lineages.changed);
        changed.sort_unstable();
        changed.dedup();
        for lineage in changed {
            for failure in self.failures.suspects.remove(&lineage).unwrap_or_default() {
                self.walk(failure);
            }
        }
        let mut dirty: Vec<_> = self.failures.dirty.drain().collect();
        dirty.sort_unstable();
        for reference in dirty {
            let Some(row) = self.failures.rows.get_mut(&reference) else { continue };
            // It counts where its origin does, as far as that is remembered; the store knows older ones.
            if let Some(origin) = row.origin.and_then(|origin| self.recent.get(origin))
                && let Some(minute) = origin.seen.start()
            {
                row.counted_time = minute;
                row.counted_profile = Some(origin.profile);
            }
            changes.failures.push(row.clone());
        }
    }

    /// An event came late: failures that name it as their origin count where it does.
    pub fn came_late(&mut self, event: EventRef) {
        let failures: Vec<EventRef> = self.failures.of_origin(event).collect();
        self.failures.dirty.extend(failures);
    }
}

//! Failures and their way back to the root.

use super::resolver::Resolver;
use crate::event::{
    Changes, Epoch, EventRef, EventRow, Evidence, FailureKind, FailureNotice, FailureRow, FailureState, GroupEvidence,
    HealedEvidence, Ordinal, OrphanReason, Resolution,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// Failures that are followed as their chains change. The oldest are let go first, and counted.
const FAILURES_FOLLOWED: usize = 200_000;
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
    /// Retries that nobody has given up on, by ref: a range of them lies below a committed offset.
    retrying: BTreeSet<EventRef>,
    /// Retries that were consumed, and the epoch after which no failure can follow any more.
    consumed: VecDeque<(Epoch, EventRef)>,
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

    fn case(row: &FailureRow) -> Option<Case> {
        row.origin.map(|origin| (origin, row.consumer_group.clone()))
    }

    fn follow(&mut self, row: FailureRow) {
        let reference = row.reference;
        if let Some(case) = Self::case(&row) {
            let attempts = self.cases.entry(case).or_default();
            attempts.push(reference);
        }
        if row.state == FailureState::Retrying {
            self.retrying.insert(reference);
        }
        self.order.push_back(reference);
        self.rows.insert(reference, row);
        if self.order.len() > FAILURES_FOLLOWED
            && let Some(oldest) = self.order.pop_front()
        {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, reference: EventRef) {
        let Some(row) = self.rows.remove(&reference) else { return };
        if let Some(case) = Self::case(&row) {
            self.leave(&case, reference);
        }
        self.retrying.remove(&reference);
        self.dropped += 1;
    }

    fn leave(&mut self, case: &Case, reference: EventRef) {
        let Some(attempts) = self.cases.get_mut(case) else { return };
        attempts.retain(|attempt| *attempt != reference);
        if attempts.is_empty() {
            self.cases.remove(case);
        }
    }

    /// The origin of a failure that names none, as far as it was found.
    fn concluded(&self, failure: EventRef) -> Option<EventRef> {
        let row = self.rows.get(&failure)?;
        row.origin.filter(|_| row.origin_evidence == Some(Evidence::SameValue))
    }

    /// One dead letter of a case settles all its retries.
    fn give_up(&mut self, case: &Case) {
        let Some(attempts) = self.cases.get(case) else { return };
        let dead = attempts.iter().any(|r| self.rows.get(r).is_some_and(|row| row.kind == FailureKind::DeadLetter));
        for reference in attempts.iter().filter(|_| dead) {
            if let Some(row) = self.rows.get_mut(reference)
                && row.state == FailureState::Retrying
            {
                row.state = FailureState::Dead;
                self.retrying.remove(reference);
                self.dirty.insert(*reference);
            }
        }
    }

    /// A case whose retries were all consumed, with no failure after them, has come to its end well.
    fn heal(&mut self, reference: EventRef) {
        let Some(case) = self.rows.get(&reference).and_then(Self::case) else { return };
        let Some(attempts) = self.cases.get(&case) else { return };
        let consumed = |r: &EventRef| !self.retrying.contains(r);
        if !attempts.iter().all(consumed) {
            return;
        }
        for attempt in attempts {
            if let Some(row) = self.rows.get_mut(attempt)
                && row.state == FailureState::Retrying
            {
                row.state = FailureState::Healed;
                row.healed_evidence = Some(HealedEvidence::LaterSuccess);
                self.dirty.insert(*attempt);
            }
        }
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
        let state = if notice.kind == FailureKind::Retry { FailureState::Retrying } else { FailureState::Dead };
        let row = FailureRow {
            reference: event.reference,
            kind: notice.kind,
            state,
            origin,
            origin_evidence: origin.map(|_| Evidence::FailureCoordinates),
            origin_confidence: origin.map(|_| if notice.doubtful { DOUBTFUL } else { 1.0 }),
            origin_topic: notice.origin.as_ref().map(|o| o.topic.clone()).or_else(|| notice.origin_topic.clone()),
            origin_partition: notice.origin.as_ref().map(|o| o.partition),
            origin_offset: notice.origin.as_ref().map(|o| o.offset),
            root: None,
            consumer_group: notice.group.clone(),
            group_evidence: notice.group.as_ref().map(|_| GroupEvidence::Named),
            candidate_groups: Vec::new(),
            attempt: notice.attempt,
            error_class: notice.error_class.clone(),
            error_message: notice.error_message.clone(),
            signature,
            time: event.time,
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
        self.follow_failure(row);
        self.failures.dirty.clear();
        self.restore_bare(reference);
    }

    fn follow_failure(&mut self, row: FailureRow) {
        let reference = row.reference;
        let case = Failures::case(&row);
        self.failures.follow(row);
        if let Some(case) = case {
            self.failures.give_up(&case);
        }
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
        if let Some(case) = Failures::case(row) {
            if row.origin_evidence != Some(Evidence::SameValue) || evidence == Evidence::SameValue {
                return;
            }
            self.failures.leave(&case, failure);
        }
        let Some(row) = self.failures.rows.get_mut(&failure) else { return };
        if row.origin.is_some() {
            (row.origin_topic, row.origin_partition, row.origin_offset) = (None, None, None);
        }
        row.origin = Some(origin);
        row.origin_evidence = Some(evidence);
        row.origin_confidence = Some(confidence);
        if evidence == Evidence::SameValue {
            // It named nothing, so its way back was lost; from here on it is its origin's.
            row.orphan_reason = None;
        }
        if row.state == FailureState::Retrying {
            self.failures.retrying.insert(failure);
        }
        let case = (origin, row.consumer_group.clone());
        self.failures.cases.entry(case.clone()).or_default().push(failure);
        self.failures.give_up(&case);
        self.failures.dirty.insert(failure);
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
                (_, None) => match self.failures.concluded(at) {
                    Some(origin) => at = origin,
                    None => return End::Unlinked(at, known.lineage),
                },
            }
        }
        End::BeyondMemory
    }

    /// Some group has committed `next` on the partition `ordinal`: retries below it were consumed.
    pub fn consumed(&mut self, ordinal: Ordinal, next: i64) {
        let below = EventRef::new(ordinal, 0)..EventRef::new(ordinal, next.clamp(0, (1 << EventRef::OFFSET_BITS) - 1));
        if below.is_empty() {
            return;
        }
        let epoch = self.barrier.epoch();
        let consumed: Vec<_> = self.failures.retrying.range(below).copied().collect();
        for retry in consumed {
            self.failures.retrying.remove(&retry);
            self.failures.consumed.push_back((epoch, retry));
        }
    }

    /// A failure that follows a consumed retry was written before the commit, so the barrier has seen it.
    pub(super) fn heal(&mut self, passed: Epoch) {
        while let Some(&(epoch, retry)) = self.failures.consumed.front()
            && epoch <= passed
        {
            self.failures.consumed.pop_front();
            self.failures.heal(retry);
        }
    }

    /// The input has ended: nothing can follow any more.
    pub(super) fn heal_all(&mut self) {
        self.heal(Epoch(u64::MAX));
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
        let cases = self.failures.cases.range((event, None)..).take_while(|((origin, _), _)| *origin == event);
        self.failures.dirty.extend(cases.flat_map(|(_, attempts)| attempts));
    }
}

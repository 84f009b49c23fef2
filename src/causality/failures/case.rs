//! One failure as people count it: a record, a group, and all that this group tried. Where it stands: retrying, given up,
//! healed by its retries, or by being given to the group again.

use super::super::resolver::Resolver;
use super::group_name::base_group;
use super::who::application;
use super::{ATTEMPTS_FOLLOWED, Case, Failures};
use crate::event::{Epoch, EventRef, FailureKind, FailureRow, FailureState, HealedEvidence, Ordinal, Timestamp};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Events that were published again, as many as are remembered. The oldest go first: a redrive of them is not known as one.
const REPEATED: usize = 100_000;
/// Times that one event is published again and remembered; of more the last ones count.
const TIMES: usize = 15;

/// Events that lie on their topic once more.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Repeats {
    /// By the event that was there first, with the time at which each was written.
    again: HashMap<EventRef, VecDeque<(EventRef, Timestamp)>>,
    /// Of those, what was given to a group again after that had given up, and what it repeats.
    redrives: HashMap<EventRef, EventRef>,
    order: VecDeque<EventRef>,
}

impl Repeats {
    /// What failed before `event` was given to the group again.
    pub fn original(&self, event: EventRef) -> Option<EventRef> {
        self.redrives.get(&event).copied()
    }

    fn add(&mut self, original: EventRef, event: EventRef, written: Timestamp) {
        let times = self.again.entry(original).or_default();
        if times.is_empty() {
            self.order.push_back(original);
        }
        times.push_back((event, written));
        let first = if times.len() > TIMES { times.pop_front() } else { None };
        let oldest = if self.order.len() > REPEATED { self.order.pop_front() } else { None };
        let gone = oldest.and_then(|oldest| self.again.remove(&oldest)).into_iter().flatten();
        for (event, _) in gone.chain(first) {
            self.redrives.remove(&event);
        }
    }

    /// The last one that was written after `time`.
    fn after(&self, original: EventRef, time: Timestamp) -> Option<EventRef> {
        let later = self.again.get(&original)?.iter().filter(|(_, written)| *written > time);
        later.max_by_key(|(event, written)| (*written, *event)).map(|(event, _)| *event)
    }

    /// What an earlier run knew: a dead letter that is being tried again was given to its group again.
    pub fn restore(&mut self, row: &FailureRow) {
        if let (FailureState::Retrying, FailureKind::DeadLetter, Some(origin), Some(again)) =
            (row.state, row.kind, row.origin, row.healed_by)
            && self.after(origin, row.time).is_none()
        {
            self.add(origin, again, Timestamp(row.time.0.saturating_add(1)));
        }
    }
}

/// A failure whose event was given to its group again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redriven {
    case: Case,
    /// Groups that have not passed it yet; any will do where none is known.
    groups: Vec<String>,
}

/// Whether the group tried again after it had given up. A dead letter may keep the time of what failed: then it lies before all
/// retries, and says nothing. Without a group the retry may be another group's.
fn is_retried<'a>(given_up: &FailureRow, retries: impl Iterator<Item = &'a FailureRow>) -> bool {
    let (mut before, mut after) = (false, false);
    for retry in retries {
        before |= retry.time <= given_up.time;
        after |= retry.time > given_up.time && retry.consumer_group.is_some();
    }
    before && after
}

/// What a group has consumed, which shows that a failure healed unless another one follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Consumed {
    /// A retry.
    Retry(EventRef),
    /// An event that was given to it again.
    Again(Case, EventRef),
}

impl Failures {
    /// The dead letter with which the group gave up for the last time.
    fn given_up(&self, case: &Case) -> Option<&FailureRow> {
        let attempts = self.cases.get(case)?.iter().filter_map(|attempt| self.rows.get(attempt));
        attempts.filter(|row| row.kind == FailureKind::DeadLetter).max_by_key(|row| (row.time, row.reference))
    }

    /// A dead letter settles all attempts before it, be it that they had healed; a retry or a redrive after it reopens them.
    pub(super) fn settle_case(&mut self, case: &Case) {
        let given_up = self.given_up(case).cloned();
        let again = given_up.as_ref().and_then(|given_up| self.repeats.after(case.0, given_up.time));
        let attempts = self.cases.get(case).cloned().unwrap_or_default();
        let retries = || {
            let rows = attempts.iter().filter_map(|attempt| self.rows.get(attempt));
            rows.filter(|row| row.kind == FailureKind::Retry)
        };
        let open = retries().filter(|row| row.state == FailureState::Retrying).map(|row| row.time).max();
        let reopened =
            |given_up: &FailureRow| given_up.state == FailureState::Healed || is_retried(given_up, retries());
        let goes_on = again.is_some() || given_up.as_ref().is_none_or(reopened);
        for &reference in &attempts {
            let Some(row) = self.rows.get_mut(&reference).filter(|row| row.kind != FailureKind::Fault) else {
                continue;
            };
            let state = match row.state {
                _ if !goes_on => FailureState::Dead,
                FailureState::Healed if open.is_none_or(|open| open <= row.time) => FailureState::Healed,
                _ => FailureState::Retrying,
            };
            if row.state != state {
                (row.state, row.healed_by, row.healed_evidence) = (state, again, None);
                self.dirty.insert(reference);
                if state == FailureState::Retrying && row.kind == FailureKind::Retry {
                    self.retrying.insert(reference);
                }
            }
            if !goes_on {
                self.retrying.remove(&reference);
            }
        }
        if let (Some(again), Some(given_up)) = (again, given_up) {
            self.await_redriven(case, again, &given_up);
        }
    }

    /// Whose commit beyond `again` shows that it was consumed: that of the group, or of all that it can be.
    fn await_redriven(&mut self, case: &Case, again: EventRef, given_up: &FailureRow) {
        let waiting = self.redriven.entry(again).or_default();
        if waiting.iter().all(|redriven| redriven.case != *case) {
            let of = case.1.as_ref().map_or(&given_up.candidate_groups[..], std::slice::from_ref);
            let groups = of.iter().map(|group| base_group(group).to_owned()).collect();
            waiting.push(Redriven { case: case.clone(), groups });
        }
        if self.repeats.redrives.insert(again, case.0).is_none() {
            // What failed under the name of the repetition is the same failure.
            self.carry_on(again);
        }
    }

    /// `event` lies on the topic of `original` once more.
    fn note_again(&mut self, original: EventRef, event: EventRef, written: Timestamp) {
        let original = self.repeats.original(original).unwrap_or(original);
        if original == event {
            return;
        }
        self.repeats.add(original, event, written);
        let cases = self.cases.range((original, None)..).take_while(|((of, _), _)| *of == original);
        let cases: Vec<Case> = cases.map(|(case, _)| case.clone()).take(ATTEMPTS_FOLLOWED).collect();
        cases.iter().for_each(|case| self.settle_case(case));
    }

    /// A case whose retries were all consumed, with no failure after them, has come to its end well.
    fn heal_retried(&mut self, reference: EventRef) {
        let Some(case) = self.rows.get(&reference).and_then(|row| self.case_of(row)) else { return };
        let is_settled = |time| self.rows.get(&reference).is_some_and(|row| row.time <= time);
        if self.given_up(&case).is_some_and(|row| is_settled(row.time)) {
            return;
        }
        let Some(attempts) = self.cases.get(&case) else { return };
        if attempts.iter().any(|attempt| self.retrying.contains(attempt)) {
            return;
        }
        let retries = attempts.iter().filter_map(|attempt| self.rows.get(attempt));
        let last = retries.filter(|row| row.kind == FailureKind::Retry).max_by_key(|row| (row.time, row.reference));
        if let Some(last) = last.map(|row| row.reference) {
            self.heal_case(&case, last, HealedEvidence::LaterSuccess);
        }
    }

    /// The group consumed what was given to it again, and nothing failed after it.
    fn heal_redriven(&mut self, case: &Case, again: EventRef) {
        let Some(given_up) = self.given_up(case) else { return };
        let attempts = self.cases.get(case).into_iter().flatten().filter_map(|attempt| self.rows.get(attempt));
        let is_retried = attempts.into_iter().any(|row| row.kind == FailureKind::Retry && row.time > given_up.time);
        if !is_retried && self.repeats.after(case.0, given_up.time) == Some(again) {
            self.heal_case(case, again, HealedEvidence::Redrive);
        }
    }

    fn consumed_again(&mut self, group: &str, event: EventRef, epoch: Epoch) {
        for mut redriven in self.redriven.remove(&event).unwrap_or_default() {
            redriven.groups.retain(|waits| waits != group);
            match redriven.groups.is_empty() {
                true => self.consumed.push_back((epoch, Consumed::Again(redriven.case, event))),
                false => self.redriven.entry(event).or_default().push(redriven),
            }
        }
    }

    fn heal_case(&mut self, case: &Case, by: EventRef, evidence: HealedEvidence) {
        for attempt in self.cases.get(case).cloned().unwrap_or_default() {
            if let Some(row) = self.rows.get_mut(&attempt)
                && row.state == FailureState::Retrying
            {
                row.state = FailureState::Healed;
                row.healed_by = Some(by);
                row.healed_evidence = Some(evidence);
                self.dirty.insert(attempt);
            }
        }
    }
}

impl Resolver {
    /// An event was published again: `first` carried its id on the same topic, or its failure headers name `first` there.
    pub(in super::super) fn note_again(&mut self, first: EventRef, event: EventRef, written: Timestamp) {
        self.failures.note_again(first, event, written);
    }

    /// `group` has committed `next` on the partition `ordinal`: retries below it were consumed, and what was given to it again.
    pub fn consumed(&mut self, group: &str, ordinal: Ordinal, next: i64) {
        let below = EventRef::new(ordinal, 0)..EventRef::new(ordinal, next.clamp(0, (1 << EventRef::OFFSET_BITS) - 1));
        if below.is_empty() {
            return;
        }
        let epoch = self.barrier.epoch();
        let retries: Vec<_> = self.failures.retrying.range(below.clone()).copied().collect();
        for retry in retries {
            if self.is_consumed_by(group, retry) {
                self.failures.retrying.remove(&retry);
                self.failures.consumed.push_back((epoch, Consumed::Retry(retry)));
            }
        }
        let redriven: Vec<EventRef> = self.failures.redriven.range(below).map(|(event, _)| *event).collect();
        for event in redriven {
            self.failures.consumed_again(base_group(group), event, epoch);
        }
    }

    /// Whether `group` is who tries again: the group that failed, by any name; any group, where none of the readers is that.
    fn is_consumed_by(&self, group: &str, retry: EventRef) -> bool {
        let failed = self.failures.get(retry).and_then(|row| row.consumer_group.as_deref());
        let Some(failed) = failed.map(|failed| BTreeSet::from([failed])) else { return true };
        let is_it = |reader: &str| application(reader, &failed, true).is_some();
        let topic = self.failures.topics.of(retry);
        is_it(group)
            || !topic.is_some_and(|topic| self.trace_order.readings.of_topic(topic).any(|reader| is_it(reader)))
    }

    /// A failure that follows what was consumed was written before the commit, so the barrier has seen it.
    pub(in super::super) fn heal(&mut self, passed: Epoch) {
        while let Some((epoch, _)) = self.failures.consumed.front()
            && *epoch <= passed
        {
            match self.failures.consumed.pop_front() {
                Some((_, Consumed::Retry(retry))) => self.failures.heal_retried(retry),
                Some((_, Consumed::Again(case, event))) => self.failures.heal_redriven(&case, event),
                None => return,
            }
        }
    }

    /// Nothing more will come, nor will more be found out.
    pub fn end_of_search(&mut self) {
        self.heal_all();
    }

    /// The input has ended: nothing can follow any more.
    pub(in super::super) fn heal_all(&mut self) {
        self.heal(Epoch(u64::MAX));
    }
}

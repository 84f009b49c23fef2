//! Causes of records that name none, concluded from the records of their trace.
//!
//! A trace says that its records belong together, never which caused which. What may cause what is learned from records
//! that name their causes, and else from the order of things in many traces ([`hypothesis`]); within one trace, effects
//! are matched with causes by what is known of delays and of the order in which a partition is read ([`matching`]). An
//! event is looked at once everything is read that was readable before it. What was learned is tried on the records that
//! do name their causes, and what proves wrong there is not claimed.

mod delay;
mod habit;
mod hypothesis;
mod matching;
#[cfg(test)]
mod tests;
mod trial;
mod window;

use super::claims::Claim;
use super::readings::Readings;
use super::resolver::Resolver;
use crate::event::{CauseRow, Changes, Epoch, EventRef, EventRow, Evidence, Kind, Resolution, Settled, TraceContext};
use delay::Delays;
use habit::Habit;
use hypothesis::{Case, TICK, precedes};
use matching::Weighted;
use std::collections::{HashMap, VecDeque};
use trial::Trial;
pub(super) use window::Member;
use window::{NOWHERE, Standing, TraceNumber, Window, lineages_of, place_of, short};

/// Traces of one lineage that a hypothesis is learned from: the last ones.
const CASES: usize = 256;
/// Whole cases from which further ones are waited for no more: under load the newest are never whole.
const CASES_ENOUGH: usize = 64;
/// Traces of any kind that cases are compared with: the last ones.
const OTHERS: usize = 512;
/// Barriers that must have passed since a trace got its last event, before it counts as whole.
const QUIET: u32 = 2;
/// Events of a trace that is learned from; a longer one would take long and say little.
const CASE_EVENTS: usize = 64;
/// Lineages that are followed; those above are named by nothing.
const LINEAGES: usize = 10_000;
/// Traces that wait for the hypothesis of one lineage, the last ones.
const HELD: usize = 500;
/// Looks that are due, at most: as long as no barrier passes they gather, and their traces leave.
const DUE: usize = 2 << 20;
/// Times that a trace is looked at again before what is not sure stays so.
const LOOKS: u8 = 3;
/// Traces that are looked at in one go, in some ten ms; the others come with the next records.
const LOOKS_AT_ONCE: usize = 8_192;
/// Weight from which one cause is concluded; below, several are told with their weights.
const SURE: f64 = 0.95;
/// Causes that are told of one event, when nobody can say which it is.
const TOLD: usize = 4;
/// Traces without anything to conclude that are all learned from at first; then one of so many is.
const LOOKED_OFTEN: u64 = 4_096;
const LOOKED_RARELY: u64 = 16;

/// What concluding came to; each is a counter of the tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceNumbers {
    /// Events whose cause was concluded.
    pub inferred: u64,
    /// Events with several causes that may be.
    pub ambiguous: u64,
    /// Events with one possible cause, of a kind that proved wrong or could not be tried: nothing is told.
    pub doubted: u64,
    /// Events that left before they could be judged, because too many were kept.
    pub dropped: u64,
    /// Events of traces that are too long to say anything.
    pub cut: u64,
    /// Named causes on which conclusions were tried: those that came out right.
    pub right: u64,
    /// Those that came out wrong.
    pub wrong: u64,
    /// Those of which nothing was concluded.
    pub missed: u64,
}

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct TraceOrder {
    window: Window,
    /// Topic of each lineage.
    topics: HashMap<u32, u32>,
    habits: HashMap<u32, Habit>,
    /// Traces of any kind, whatever they hold; kept as if they were the cases of a lineage.
    others: Habit,
    delays: Delays,
    trials: HashMap<(u32, u32), Trial>,
    due: VecDeque<(Epoch, TraceNumber, u8)>,
    /// Lineages that have new cases.
    to_learn: VecDeque<u32>,
    /// Lineages of which some traces were not whole yet when they were learned.
    relearn: Vec<u32>,
    /// Lineages with cases that the next barrier brings.
    later: Vec<u32>,
    /// The barrier for which that was done.
    brought: Epoch,
    /// Traces that were due.
    looked: u64,
    pub(super) readings: Readings,
    tries: u64,
    numbers: TraceNumbers,
}

impl TraceOrder {
    /// True when the next barrier decides something.
    pub fn has_candidates(&self) -> bool {
        !(self.due.is_empty() && self.to_learn.is_empty() && self.relearn.is_empty() && self.later.is_empty())
    }

    /// A barrier has passed: cases that did not fit into the last one, and lineages whose traces are whole now.
    fn bring_later(&mut self, passed: Epoch) {
        if self.brought == passed {
            return;
        }
        self.brought = passed;
        for lineage in std::mem::take(&mut self.later) {
            let cases = self.habits.get_mut(&lineage).map(|habit| std::mem::take(&mut habit.later));
            for number in cases.into_iter().flatten() {
                if self.count_case(lineage, number, passed) {
                    self.to_learn.push_back(lineage);
                }
            }
        }
        self.to_learn.extend(self.relearn.drain(..));
    }

    /// Where all events of a trace name their causes there is nothing to conclude; of those some are learned from.
    fn is_worth_a_look(&mut self, number: TraceNumber, passed: Epoch) -> bool {
        self.looked += 1;
        let members = self.window.members(number);
        let first = members.iter().map(|member| member.time).min().unwrap_or(i64::MAX);
        let is_open = |member: &Member| {
            member.standing == Standing::Open
                && member.epoch <= short(passed)
                && first.saturating_add(TICK) <= member.time
        };
        self.looked < LOOKED_OFTEN || self.looked.is_multiple_of(LOOKED_RARELY) || members.iter().any(is_open)
    }

    /// An event in the trace with this key.
    pub fn member(&self, trace: u64, event: EventRef) -> Option<Member> {
        self.window.of_key(trace).iter().find(|member| member.reference == event).copied()
    }

    /// Events in the trace with this key that name their cause by the id under `named`.
    pub fn naming(&self, trace: u64, named: u64) -> Vec<EventRef> {
        let members = self.window.of_key(trace).iter();
        members.filter(|member| member.named == Some(named)).map(|member| member.reference).collect()
    }

    /// The topic of a lineage.
    pub fn topic(&self, lineage: u32) -> Option<u32> {
        self.topics.get(&lineage).copied()
    }

    /// True when one group reads the topics of all these lineages, or nothing is known of groups.
    fn together(&self, lineages: &[u32]) -> bool {
        let topics: Vec<u32> = lineages.iter().filter_map(|lineage| self.topic(*lineage)).collect();
        self.readings.together(&topics)
    }

    /// One more trace has events of `lineage` that were judged; true when it is time to learn.
    fn count_case(&mut self, lineage: u32, number: TraceNumber, passed: Epoch) -> bool {
        if self.habits.len() >= LINEAGES && !self.habits.contains_key(&lineage) {
            return false;
        }
        let habit = self.habits.entry(lineage).or_default();
        let had_later = !habit.later.is_empty();
        if !habit.keep(number, passed, CASES, || self.window.count(number, lineage)) {
            if !had_later && !habit.later.is_empty() {
                self.later.push(lineage);
            }
            return false;
        }
        let due = habit.seen >= habit.learn_at;
        if due {
            // Often at first, then now and then: what a system does changes.
            habit.learn_at = (habit.seen * 2).clamp(10, habit.seen + 4 * CASES as u64);
        }
        due
    }

    fn hold(&mut self, lineage: u32, number: TraceNumber) {
        if let Some(habit) = self.habits.get_mut(&lineage) {
            habit.held.push_back(number);
            if habit.held.len() > HELD {
                habit.held.pop_front();
            }
        }
    }

    fn trial(&self, cause: u32, effect: u32) -> Trial {
        self.trials.get(&(cause, effect)).copied().unwrap_or_default()
    }
}

/// Events of one lineage in one trace that are up for judgement.
struct Matter<'a> {
    number: TraceNumber,
    lineage: u32,
    members: &'a [Member],
    /// Places of the effects, by time.
    effects: Vec<usize>,
}

impl Resolver {
    /// What concluding from traces came to.
    pub fn trace_numbers(&self) -> TraceNumbers {
        let window = &self.trace_order.window;
        TraceNumbers { dropped: window.dropped, cut: window.cut, ..self.trace_order.numbers }
    }

    /// Keeps an event with the others of its trace.
    pub(super) fn note_trace(&mut self, row: &EventRow, lineage: (u32, u32), correlation: Option<u64>) {
        let Some(trace) = row.trace.filter(|_| row.kind != Kind::Internal) else { return };
        let key = self.secret.key(TraceContext::identifier(trace));
        let standing = match (row.kind, row.resolution) {
            (Kind::Retry | Kind::DeadLetter | Kind::Forward, _) => Standing::Copy,
            (_, Resolution::Unlinked) => Standing::Open,
            _ => Standing::Named,
        };
        let named = match self.claim_by_id(row) {
            Some((Claim::Id(id), Evidence::CausationId)) => Some(self.secret.key(id)),
            _ => None,
        };
        let epoch = self.barrier.epoch();
        let (lineage, topic) = lineage;
        let member = Member {
            reference: row.reference,
            time: row.record_time.0,
            span: trace.parent_id,
            key: row.key_hash.unwrap_or(0),
            correlation: correlation.unwrap_or(0),
            named,
            lineage,
            epoch: short(epoch),
            concluded: NOWHERE,
            standing,
        };
        self.trace_order.topics.entry(lineage).or_insert(topic);
        if let Some(number) = self.trace_order.window.add(key, member) {
            if self.trace_order.due.len() >= DUE {
                self.trace_order.due.pop_front();
            }
            self.trace_order.due.push_back((epoch, number, 0));
        }
    }

    /// Looks at the traces of which everything is read that was readable before the barrier.
    pub(super) fn judge_traces(&mut self, passed: Epoch, changes: &mut Changes) {
        let mut again = Vec::new();
        self.trace_order.bring_later(passed);
        for _ in 0..LOOKS_AT_ONCE {
            let Some(&(epoch, number, looks)) = self.trace_order.due.front() else { break };
            if epoch > passed {
                break;
            }
            self.trace_order.due.pop_front();
            if !self.trace_order.is_worth_a_look(number, passed) {
                continue;
            }
            let due = self.count_cases(number, passed);
            self.trace_order.to_learn.extend(due);
            if self.look(number, passed, looks + 1 >= LOOKS, changes) {
                again.push((self.barrier.epoch(), number, looks + 1));
            }
        }
        // Learning takes some milliseconds: one lineage at a time, so that nothing stalls.
        if let Some(lineage) = self.trace_order.to_learn.pop_front() {
            let held = self.learn(lineage, passed);
            again.extend(held.into_iter().map(|held| (passed, held, 0)));
        }
        self.trace_order.due.extend(again);
    }

    /// The input has ended: everything is known that ever will be.
    pub(super) fn judge_all_traces(&mut self, changes: &mut Changes) {
        let passed = Epoch(u64::MAX);
        let mut traces: Vec<TraceNumber> = self.trace_order.due.drain(..).map(|(_, number, _)| number).collect();
        for number in &traces {
            self.count_cases(*number, passed);
        }
        let mut lineages: Vec<u32> = self.trace_order.habits.keys().copied().collect();
        lineages.sort_unstable();
        for lineage in lineages {
            traces.extend(self.learn(lineage, passed));
        }
        // What is sure about one trace bounds its neighbours.
        for looks in 0..LOOKS {
            traces.retain(|number| self.look(*number, passed, looks + 1 >= LOOKS, changes));
        }
    }

    /// Judges what can be judged of a trace; true when it is worth another look.
    fn look(&mut self, number: TraceNumber, passed: Epoch, last: bool, changes: &mut Changes) -> bool {
        let members = self.trace_order.window.members(number).to_vec();
        let mut unsure = false;
        for lineage in lineages_of(&members, passed) {
            let places = |standing: Standing| -> Vec<usize> {
                let mut places: Vec<usize> = (0..members.len())
                    .filter(|&at| members[at].lineage == lineage && members[at].standing == standing)
                    .filter(|&at| members[at].epoch <= short(passed))
                    .collect();
                places.sort_unstable_by_key(|&at| (members[at].time, members[at].reference));
                places
            };
            let (mut open, named) = (places(Standing::Open), places(Standing::Named));
            open.retain(|&at| {
                let begins = !members.iter().any(|other| precedes(other, &members[at]));
                if begins {
                    self.trace_order.window.judged(number, at, None);
                }
                !begins
            });
            if open.is_empty() && named.is_empty() {
                continue;
            }
            let known = self.trace_order.habits.get(&lineage).is_some_and(|habit| !habit.hypothesis.rivals.is_empty());
            if !known {
                self.trace_order.hold(lineage, number);
                continue;
            }
            if !named.is_empty() {
                self.try_on(&Matter { number, lineage, members: &members, effects: named });
            }
            if !open.is_empty() {
                let matter = Matter { number, lineage, members: &members, effects: open };
                unsure |= self.judge_matter(&matter, last, changes);
            }
        }
        unsure
    }

    /// Counts the trace for each lineage in it; gives those for which it is time to learn.
    fn count_cases(&mut self, number: TraceNumber, passed: Epoch) -> Vec<u32> {
        let members = self.trace_order.window.members(number);
        if members.len() > CASE_EVENTS {
            return Vec::new();
        }
        let lineages = lineages_of(members, passed);
        let order = &mut self.trace_order;
        // No lineage that is followed has the number 0.
        order.others.keep(number, passed, OTHERS, || order.window.count(number, 0));
        lineages.into_iter().filter(|&lineage| self.trace_order.count_case(lineage, number, passed)).collect()
    }

    /// Learns anew what causes `lineage`; gives the traces that waited for it, if there is a hypothesis now.
    fn learn(&mut self, lineage: u32, passed: Epoch) -> Vec<TraceNumber> {
        let Some(habit) = self.trace_order.habits.get(&lineage) else { return Vec::new() };
        let is_whole =
            |number: &&TraceNumber| self.trace_order.window.grew(**number).saturating_add(QUIET) <= short(passed);
        let whole = habit.cases.iter().filter(is_whole).count();
        let cases: Vec<Case<'_>> = habit
            .cases
            .iter()
            .filter(is_whole)
            .map(|number| self.trace_order.window.members(*number))
            .filter(|members| !members.is_empty() && members.len() <= CASE_EVENTS)
            .map(|members| Case { members, labels: self.labels(members, lineage) })
            .collect();
        let others: Vec<&[Member]> = self
            .trace_order
            .others
            .cases
            .iter()
            .filter(|number| is_whole(number))
            .map(|number| self.trace_order.window.members(*number))
            .filter(|members| !members.is_empty())
            .collect();
        let hypothesis = hypothesis::learn(lineage, &cases, &others, |set| self.trace_order.together(set));
        let Some(habit) = self.trace_order.habits.get_mut(&lineage) else { return Vec::new() };
        habit.hypothesis = hypothesis;
        if !habit.hypothesis.rivals.is_empty() {
            return habit.held.drain(..).collect();
        }
        let may_say_more = whole < habit.cases.len() && whole < CASES_ENOUGH;
        if may_say_more && !self.trace_order.relearn.contains(&lineage) {
            self.trace_order.relearn.push(lineage);
        }
        Vec::new()
    }

    /// For each event of `lineage` that names its cause: the lineage of the cause, if it is one of `members`.
    fn labels(&self, members: &[Member], lineage: u32) -> Vec<Option<u32>> {
        let named = members
            .iter()
            .filter(|member| member.lineage == lineage && matches!(member.standing, Standing::Named | Standing::Tried));
        named
            .filter_map(|member| {
                let known = self.recent.get(member.reference)?;
                match (known.resolution, known.cause.get()) {
                    (Resolution::Root, _) => Some(None),
                    (_, Some(cause)) => Some(place_of(members, cause).map(|at| members[at].lineage)),
                    _ => None,
                }
            })
            .collect()
    }

    /// True when something stays unsure and this is not the last look.
    fn judge_matter(&mut self, matter: &Matter<'_>, last: bool, changes: &mut Changes) -> bool {
        let taken = self.taken(matter);
        let Some(habit) = self.trace_order.habits.get(&matter.lineage) else { return false };
        let delays = &self.trace_order.delays;
        let answers = matching::assign(matter.members, &matter.effects, &taken, &habit.hypothesis, delays);
        let mut unsure = false;
        for (&effect, answer) in matter.effects.iter().zip(answers) {
            let answer = self.with_copies(matter, effect, answer);
            match answer.first() {
                None => self.trace_order.window.judged(matter.number, effect, None),
                Some(&(cause, weight)) if weight >= SURE && self.trial_holds(matter, (cause, weight)) => {
                    self.trace_order.delays.note(&matter.members[cause], &matter.members[effect]);
                    self.trace_order.window.judged(matter.number, effect, Some(cause));
                    self.trace_order.numbers.inferred += 1;
                    self.conclude_order(matter, effect, &[(cause, weight)], changes);
                }
                Some(_) if last => {
                    self.trace_order.window.judged(matter.number, effect, None);
                    // One alone that proved wrong elsewhere, or could not be tried, is not told at all.
                    if answer.len() > 1 {
                        self.trace_order.numbers.ambiguous += 1;
                        self.conclude_order(matter, effect, &answer, changes);
                    } else {
                        self.trace_order.numbers.doubted += 1;
                    }
                }
                Some(_) => unsure = true,
            }
        }
        unsure
    }

    fn trial_holds(&self, matter: &Matter<'_>, (cause, weight): (usize, f64)) -> bool {
        let named = self.trace_order.habits.get(&matter.lineage).is_some_and(|habit| habit.hypothesis.named);
        self.trace_order.trial(matter.members[cause].lineage, matter.lineage).holds(weight, named)
    }

    /// Places of events that have caused one of this lineage already.
    fn taken(&self, matter: &Matter<'_>) -> Vec<usize> {
        let others = matter.members.iter().filter(|member| member.lineage == matter.lineage);
        others
            .filter_map(|member| match member.standing {
                Standing::Judged => Some(usize::from(member.concluded)).filter(|at| *at != usize::from(NOWHERE)),
                Standing::Named | Standing::Tried => {
                    let cause = self.recent.get(member.reference)?.cause.get()?;
                    place_of(matter.members, cause)
                }
                _ => None,
            })
            .collect()
    }

    /// When the cause was tried again before the effect came, the attempt may as well have caused it.
    fn with_copies(&self, matter: &Matter<'_>, effect: usize, answer: Weighted) -> Weighted {
        let Some(&(cause, weight)) = answer.first() else { return answer };
        let origin = matter.members[cause].reference;
        let copies = (0..matter.members.len()).filter(|&at| {
            let copy = &matter.members[at];
            let repeats = || self.recent.get(copy.reference).and_then(|known| known.cause.get()) == Some(origin);
            copy.standing == Standing::Copy && precedes(copy, &matter.members[effect]) && at != cause && repeats()
        });
        match copies.max_by_key(|&at| matter.members[at].time) {
            Some(copy) if answer.iter().all(|(at, _)| *at != copy) => vec![(copy, weight / 2.0), (cause, weight / 2.0)],
            _ => answer,
        }
    }

    fn conclude_order(&mut self, matter: &Matter<'_>, effect: usize, causes: &[(usize, f64)], changes: &mut Changes) {
        let reference = matter.members[effect].reference;
        for &(cause, weight) in causes.iter().take(TOLD) {
            let trial = self.trace_order.trial(matter.members[cause].lineage, matter.lineage);
            let confidence = trial.confidence(weight) as f32;
            let (cause, evidence) = (matter.members[cause].reference, Evidence::TraceOrder);
            changes.causes.push(CauseRow { effect: reference, cause, evidence, confidence });
        }
        self.call_inferred(reference, changes);
    }

    /// An event that was written as something else has a cause that was concluded.
    pub(super) fn call_inferred(&mut self, reference: EventRef, changes: &mut Changes) {
        let Some(known) = self.recent.get(reference) else { return };
        let resolution = Resolution::Inferred;
        self.recent.change(reference, |known| known.resolution = resolution);
        let conversation = self.conversations.current(known.conversation);
        changes.retracted.push(Settled { reference, resolution, conversation, cause: None });
    }
}

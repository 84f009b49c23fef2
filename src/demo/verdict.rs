//! Did the tap tell the truth? The ledger against the tap's answers; pure.

use super::answers::{Answers, Found};
use super::company::{Company, Fault, FaultKind};
use super::ledger::{Coordinates, Fate, Injected, Ledger, Role};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// How a run is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that can be known was found and traced, everything else was called orphaned, nothing was wrong.
    Pass,
    /// It was not.
    Fail,
    /// The run was not judged: nothing was injected, or it was only served.
    NotJudged,
}

/// One way in which an answer differs from the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// An injected failure that was not found.
    Missing,
    /// A failure where none was injected.
    Extra,
    /// The same record twice.
    Twice,
    /// Taken for another kind of failure.
    Kind(String),
    /// Another origin, or none where the record names one.
    Origin(Option<Coordinates>),
    /// Another root, or none where it can be known.
    Root(Option<Coordinates>),
    /// A root although nothing leads there.
    Guessed(Coordinates),
    /// No root, which is right, but no reason either.
    NoReason,
    /// Another group.
    Group(Option<String>),
    /// Told to stand otherwise than it does.
    State(String),
}

/// A mistake and the record it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The failure record.
    pub at: Coordinates,
    /// The fault class that made it; none for extra ones.
    pub class: Option<String>,
    /// What is wrong.
    pub mistake: Mistake,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |at: &Option<Coordinates>| at.as_ref().map_or("none".to_owned(), Coordinates::to_string);
        write!(f, "{} ({}): ", self.at, self.class.as_deref().unwrap_or("not injected"))?;
        match &self.mistake {
            Mistake::Missing => write!(f, "not found"),
            Mistake::Extra => write!(f, "no failure was injected here"),
            Mistake::Twice => write!(f, "found twice"),
            Mistake::Kind(kind) => write!(f, "taken for a {}", crate::event::clean(kind)),
            Mistake::Origin(origin) => write!(f, "wrong origin: {}", place(origin)),
            Mistake::Root(root) => write!(f, "wrong root: {}", place(root)),
            Mistake::Guessed(root) => write!(f, "traced to {root}, but nothing on it leads there"),
            Mistake::NoReason => write!(f, "neither a root nor a reason"),
            Mistake::State(state) => write!(f, "wrong state: {}", crate::event::clean(state)),
            Mistake::Group(group) => {
                write!(f, "wrong group: {}", crate::event::clean(group.as_deref().unwrap_or("none")))
            }
        }
    }
}

/// The tap's answers against the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Dead letters injected.
    pub injected: usize,
    /// Of these, found.
    pub found: usize,
    /// Of the injected, those that can be known.
    pub knowable: usize,
    /// Of the knowable, traced to their root.
    pub traced: usize,
    /// Of the injected, those that cannot be known.
    pub unknowable: usize,
    /// Of the unknowable, called orphaned.
    pub orphaned: usize,
    /// Of the unknowable, those that have too few neighbours for anybody to tell that an id is missing.
    pub early: usize,
    /// Retries injected.
    pub retries: usize,
    /// Of these, found and traced.
    pub retries_traced: usize,
    /// Every mistake, dead letters, retries and extras.
    pub wrong: Vec<Wrong>,
    /// Records that the tap had not read when it was asked.
    pub unread: i64,
    /// Records that no broker confirmed: the truth itself has a hole.
    pub undelivered: u64,
}

impl Verdict {
    /// Pass or fail. A run without dead letters proves nothing.
    pub fn outcome(&self) -> Outcome {
        match self.wrong.is_empty() && self.unread == 0 && self.undelivered == 0 {
            false => Outcome::Fail,
            true if self.injected == 0 => Outcome::NotJudged,
            true => Outcome::Pass,
        }
    }
}

/// Compares what the tap found with what was injected.
///
/// A failure that cannot be known must be called orphaned: a root would be a guess, even if it were right.
pub fn judge(company: &Company, ledger: &Ledger, answers: &Answers) -> Verdict {
    let ends = ledger.ends();
    let mut verdict = Verdict { unread: answers.unread(&ends), undelivered: ledger.undelivered, ..Verdict::default() };
    let (mut found, doubles) = by_place(answers);
    for at in doubles {
        verdict.wrong.push(Wrong { at, class: None, mistake: Mistake::Twice });
    }
    let (neighbours, kinds) = kinds(ledger);
    for truth in ledger.injected() {
        let Some(fault) = company.faults.get(truth.fault) else { continue };
        let answer = found.remove(&truth.at);
        let mistakes = match answer {
            Some(answer) => compare(&truth, fault, answer),
            None => vec![Mistake::Missing],
        };
        let few = || neighbours.get(&truth.origin).is_none_or(|kind| kinds[kind] < NEIGHBOURS_NEEDED);
        if matches!(mistakes[..], [Mistake::Guessed(_)]) && fault.kind.drops_context() && few() {
            verdict.injected += 1;
            verdict.found += 1;
            verdict.early += 1;
            continue;
        }
        verdict.count(&truth, fault, answer.is_some(), mistakes.is_empty());
        let class = Some(fault.class.clone());
        let wrong = |mistake| Wrong { at: truth.at.clone(), class: class.clone(), mistake };
        verdict.wrong.extend(mistakes.into_iter().map(wrong));
    }
    for (at, _) in found {
        // Once the ledger is full, what lies beyond it is neither right nor wrong.
        let known = ends.get(&(at.topic.clone(), at.partition)).is_some_and(|end| at.offset < *end);
        if known || ledger.beyond == 0 {
            verdict.wrong.push(Wrong { at, class: None, mistake: Mistake::Extra });
        }
    }
    verdict
}

/// Events of one topic and type, with some to spare for those not settled yet, below which nobody can say that one of
/// them has lost its context: the tap itself asks for 50.
const NEIGHBOURS_NEEDED: usize = 80;

/// A topic and a type of event.
type EventKind<'a> = (&'a str, &'a str);

/// The kind of each event, and how many there are of each.
fn kinds(ledger: &Ledger) -> (HashMap<&Coordinates, EventKind<'_>>, HashMap<EventKind<'_>, usize>) {
    let mut counts = HashMap::new();
    let mut kinds = HashMap::new();
    for record in &ledger.records {
        let kind = (record.at.topic.as_ref(), record.entry.event.as_ref());
        *counts.entry(kind).or_default() += 1;
        kinds.insert(&record.at, kind);
    }
    (kinds, counts)
}

impl Verdict {
    fn count(&mut self, truth: &Injected, fault: &Fault, found: bool, right: bool) {
        if truth.role == Role::Retry {
            self.retries += 1;
            self.retries_traced += usize::from(right);
            return;
        }
        self.injected += 1;
        self.found += usize::from(found);
        if is_knowable(truth, fault) {
            self.knowable += 1;
            self.traced += usize::from(right);
        } else {
            self.unknowable += 1;
            self.orphaned += usize::from(right);
        }
    }
}

/// A retry always names its origin; what is known of a dead letter is a matter of its class.
fn is_knowable(truth: &Injected, fault: &Fault) -> bool {
    truth.role == Role::Retry || fault.knowable == Some(true)
}

fn compare(truth: &Injected, fault: &Fault, answer: &Found) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let kind = if truth.role == Role::Retry { "retry" } else { "dead_letter" };
    if answer.kind != kind {
        mistakes.push(Mistake::Kind(answer.kind.clone()));
    }
    let bare = fault.kind == FaultKind::BareDeadLetter;
    if !(bare && answer.origin.is_none()) && answer.origin.as_ref() != Some(&truth.origin) {
        mistakes.push(Mistake::Origin(answer.origin.clone()));
    }
    if !(bare && answer.group.is_none()) && answer.group.as_deref() != Some(&*truth.group) {
        mistakes.push(Mistake::Group(answer.group.clone()));
    }
    let stands = match truth.fate {
        Fate::GivenUp => answer.state == "dead",
        Fate::Recovered => answer.state == "healed",
        Fate::Open => answer.state != "dead",
    };
    if !stands {
        mistakes.push(Mistake::State(answer.state.clone()));
    }
    match (is_knowable(truth, fault), &answer.root) {
        (true, root) if root.as_ref() != Some(&truth.root) => mistakes.push(Mistake::Root(root.clone())),
        (false, Some(root)) => mistakes.push(Mistake::Guessed(root.clone())),
        (false, None) if answer.orphan_reason.is_none() => mistakes.push(Mistake::NoReason),
        _ => {}
    }
    mistakes
}

/// Failures by place, in order, and the places that occur more than once.
fn by_place(answers: &Answers) -> (BTreeMap<Coordinates, &Found>, Vec<Coordinates>) {
    let mut times: HashMap<&Coordinates, usize> = HashMap::new();
    let mut found = BTreeMap::new();
    for (at, answer) in answers.failures.iter().filter_map(|answer| Some((answer.at.as_ref()?, answer))) {
        *times.entry(at).or_default() += 1;
        found.insert(at.clone(), answer);
    }
    let mut doubles: Vec<_> = times.into_iter().filter(|(_, n)| *n > 1).map(|(at, _)| at.clone()).collect();
    doubles.sort();
    (found, doubles)
}

#[cfg(test)]
mod tests;

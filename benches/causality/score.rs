//! What the resolver says, beside the truth. Held is only what is not settled for good.

use super::SLICE;
use crate::support::generator::{Batch, Declared, Made, Step, What};
use headwater::event::{EventRef, Evidence, EvidenceClass, OrphanReason, Resolution, Settled};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Wrong edges and missed causes that are shown.
const EXAMPLES: usize = 5;
/// Records a second of the stream, to tell how many lie between two times.
const RATE: f64 = 5_000.0;

/// The truth about one record.
#[derive(Debug, Clone, Copy)]
struct Truth {
    declared: Declared,
    /// What was in hand when it was written, the first record behind it, and a second one that it needed.
    causes: [Option<EventRef>; 3],
    /// Records that were read since its cause was written, nearly.
    behind: u64,
}

/// How an edge stands to the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// It leads to who answers for what the record names, or to the record that truly was in hand.
    Right,
    /// It leads to another publication of the same event.
    Copy,
    /// It leads elsewhere.
    Wrong,
}

/// Counts; see the module's documentation.
#[derive(Debug, Default)]
pub struct Score {
    /// Events that are findable by their id.
    pub ids: u64,
    events: u64,
    named: u64,
    absent: u64,
    /// By [`Edge`].
    edges: [u64; 3],
    /// Named causes for which an edge came, right or not.
    found: u64,
    orphaned: u64,
    false_orphans: u64,
    ambiguous: u64,
    retracted: u64,
    inferred: u64,
    /// Records of which nothing was said yet.
    open: HashMap<EventRef, Truth>,
    /// Records whose cause was not there.
    orphans: HashMap<EventRef, Truth>,
    /// Records whose edge leads to a copy: it may be corrected.
    doubtful: HashMap<EventRef, Truth>,
    /// Who answers for a repeated record.
    repeats: HashMap<EventRef, EventRef>,
    examples: Vec<String>,
}

impl Score {
    /// Takes in the truth about what is read next.
    pub fn note(&mut self, batch: &Batch) {
        for step in &batch.steps {
            let Step::Read { seen, rows, .. } = step else { continue };
            for made in &batch.records[rows.clone()] {
                self.note_one(made, *seen);
            }
        }
    }

    fn note_one(&mut self, made: &Made, seen: i64) {
        self.events += 1;
        self.named += u64::from(matches!(made.declared, Declared::Names(_)));
        self.absent += u64::from(made.declared == Declared::Absent);
        let copies = matches!(made.what, What::Retry | What::DeadLetter);
        self.ids += u64::from(made.id.is_some() && made.holder == Some(made.reference));
        if let Some(holder) = made.holder.filter(|holder| !copies && *holder != made.reference) {
            self.repeats.insert(made.reference, holder);
        }
        let behind = ((seen - made.cause_written) as f64 / 1e6 * RATE) as u64;
        let truth = Truth { declared: made.declared, causes: [made.cause, made.cause_first, made.also], behind };
        self.open.insert(made.reference, truth);
    }

    /// Takes in what was decided.
    pub fn take(&mut self, changes: &headwater::event::Changes) {
        let columns = &changes.events;
        for at in 0..columns.len() {
            let cause = columns.cause.is_valid(at).then(|| columns.cause.values[at]);
            let reason = columns.orphan_reason.is_valid(at).then(|| columns.orphan_reason.values[at]);
            let evidence = Evidence::ALL[columns.evidence.values[at] as usize];
            self.settle(Settled {
                reference: EventRef(columns.reference[at]),
                resolution: Resolution::from_numbers(columns.resolution[at], reason),
                conversation: EventRef(columns.conversation[at]),
                cause: cause.map(|cause| (EventRef(cause), evidence)),
            });
        }
        changes.settled.iter().for_each(|settled| self.settle(*settled));
        for settled in &changes.retracted {
            self.retract(settled);
        }
        let inferred = |class: EvidenceClass| class == EvidenceClass::Inferred;
        self.inferred += changes.causes.iter().filter(|row| inferred(row.evidence.class())).count() as u64;
    }

    fn settle(&mut self, settled: Settled) {
        let Some(truth) = self.open.remove(&settled.reference) else { return };
        match (settled.cause, settled.resolution) {
            (Some((cause, _)), _) => self.edge(settled.reference, truth, cause),
            (None, Resolution::Orphaned(reason)) => {
                self.orphaned += 1;
                // Who says that it cannot tell has not said that nothing is there.
                let ambiguous = reason == OrphanReason::AmbiguousId;
                self.ambiguous += u64::from(ambiguous);
                self.false_orphans += u64::from(!ambiguous && matches!(truth.declared, Declared::Names(_)));
                self.orphans.insert(settled.reference, truth);
            }
            (None, _) => {}
        }
    }

    fn retract(&mut self, settled: &Settled) {
        let Some((cause, _)) = settled.cause else { return };
        if let Some(truth) = self.orphans.remove(&settled.reference) {
            self.retracted += 1;
            self.edge(settled.reference, truth, cause);
        } else if let Some(truth) = self.doubtful.remove(&settled.reference) {
            self.edges[Edge::Copy as usize] -= 1;
            self.found -= u64::from(matches!(truth.declared, Declared::Names(_)));
            self.edge(settled.reference, truth, cause);
        }
    }

    fn edge(&mut self, effect: EventRef, truth: Truth, cause: EventRef) {
        let named = match truth.declared {
            Declared::Names(named) => Some(named),
            _ => None,
        };
        let edge = if Some(cause) == named || truth.causes.contains(&Some(cause)) {
            Edge::Right
        } else if self
            .repeats
            .get(&cause)
            .is_some_and(|first| Some(*first) == named || truth.causes.contains(&Some(*first)))
        {
            self.doubtful.insert(effect, truth);
            Edge::Copy
        } else {
            Edge::Wrong
        };
        if edge == Edge::Wrong && self.examples.len() < EXAMPLES {
            self.examples.push(format!("{effect:?} <- {cause:?}: {truth:?}"));
        }
        self.edges[edge as usize] += 1;
        self.found += u64::from(named.is_some() && edge != Edge::Wrong);
    }

    /// Prints what went wrong, for people who have to find out.
    pub fn say(&self, dropped: u64) {
        for example in &self.examples {
            eprintln!("wrong: {example}");
        }
        let missed = self.orphans.iter().chain(&self.open);
        let missed = missed.filter(|(_, truth)| matches!(truth.declared, Declared::Names(_)));
        for (reference, truth) in missed.filter(|(_, truth)| !self.beyond(truth, dropped)).take(EXAMPLES) {
            eprintln!("missed: {reference:?}: {truth:?}");
        }
    }

    /// Whether the cause had left the index, or may have, when its effect was read.
    fn beyond(&self, truth: &Truth, dropped: u64) -> bool {
        dropped > 0 && truth.behind + SLICE as u64 > self.ids - dropped
    }

    /// Bytes of its own, in MB: they are none of the resolver's.
    pub fn megabytes(&self) -> f64 {
        let entry = size_of::<(EventRef, Truth)>() + 1;
        let truths = self.open.capacity() + self.orphans.capacity() + self.doubtful.capacity();
        let repeats = self.repeats.capacity() * (size_of::<(EventRef, EventRef)>() + 1);
        (truths * entry + repeats) as f64 * 8.0 / 7.0 / 1024.0 / 1024.0
    }

    /// All counts and shares.
    pub fn figures(&self, dropped: u64) -> Value {
        let [right, copies, wrong] = self.edges;
        let edges = right + copies + wrong;
        let missed_truths = self.orphans.values().filter(|truth| matches!(truth.declared, Declared::Names(_)));
        let beyond = missed_truths.filter(|truth| self.beyond(truth, dropped)).count() as u64;
        let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        json!({
            "precision": share(right + copies, edges), "edges": edges, "wrong": wrong, "copies": copies,
            "recall": share(self.found, self.named - beyond.min(self.named)), "named": self.named,
            "missed": self.named - self.found.min(self.named), "beyond_horizon": beyond,
            "ambiguous_id": self.ambiguous,
            "false_orphan": self.false_orphans, "orphaned": self.orphaned, "absent_causes": self.absent,
            "retracted": share(self.retracted, self.events.max(1)), "retracted_events": self.retracted,
            "inferred": self.inferred, "conversation": self.events,
        })
    }
}

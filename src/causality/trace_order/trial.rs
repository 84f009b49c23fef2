//! What was learned, tried on records that name their causes: concluded as if they did not, and compared.

use super::matching;
use super::window::place_of;
use super::{Matter, SURE};
use crate::causality::resolver::Resolver;
use crate::event::{Changes, EventRef, Evidence, TrialRow};

/// Times that a conclusion was tried on named causes, from which it counts how often it was right.
const TRIED: u32 = 10;
/// Wrong ones among so many conclusions, above which a pair is not sure of anything.
const WRONG: u32 = 100;
/// Confidence in what nothing could be tried on.
const UNTRIED: f64 = 0.9;
/// Of so many traces with named causes one is tried on, once enough were.
const TRIED_RARELY: u64 = 16;
/// Conclusions that were tried, after which the rest are rare.
const TRIED_OFTEN: u64 = 1_000;

/// How conclusions from one lineage to another fared where the cause is named.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trial {
    right: u32,
    wrong: u32,
    missed: u32,
    /// Of these, right and wrong ones that had been weighed against others.
    weighed: (u32, u32),
    claimed: f64,
    /// The last cause and effect that were compared, until a commit tells of it.
    example: Option<(EventRef, EventRef)>,
    /// The numbers at the last commit.
    told: ([u32; 3], f64),
}

impl Trial {
    /// Right and wrong ones of conclusions that had this weight: what had no rival fares otherwise than what was weighed.
    const fn alike(self, weight: f64) -> (u32, u32) {
        match is_weighed(weight) {
            true => self.weighed,
            false => (self.right - self.weighed.0, self.wrong - self.weighed.1),
        }
    }

    const fn counted(self) -> ([u32; 3], f64) {
        ([self.right, self.wrong, self.missed], self.claimed)
    }

    /// True when a conclusion of this weight may be believed: hardly any was wrong, and where it could be tried it was.
    pub const fn holds(self, weight: f64, can_be_tried: bool) -> bool {
        let (right, wrong) = self.alike(weight);
        let tried = right + wrong;
        if tried < TRIED { !can_be_tried } else { wrong * WRONG <= tried }
    }

    /// What a conclusion of this weight may claim.
    pub fn confidence(self, weight: f64) -> f64 {
        let (right, wrong) = self.alike(weight);
        let tried = right + wrong;
        weight * if tried < TRIED { UNTRIED } else { f64::from(right + 1) / f64::from(tried + 2) }
    }
}

/// Others were possible, and less likely.
const fn is_weighed(weight: f64) -> bool {
    weight < 1.0 - 1e-9
}

impl Resolver {
    /// Concludes as if the named causes were not, and compares.
    pub(super) fn try_on(&mut self, matter: &Matter<'_>) {
        let order = &mut self.trace_order;
        order.tries += 1;
        let enough = order.numbers.right + order.numbers.wrong > TRIED_OFTEN;
        let habit = order.habits.get(&matter.lineage).filter(|habit| !habit.hypothesis.rivals.is_empty());
        if let Some(habit) = habit.filter(|_| !enough || order.tries.is_multiple_of(TRIED_RARELY)) {
            let answers = matching::assign(matter.members, &matter.effects, &[], &habit.hypothesis, &order.delays);
            for (&effect, answer) in matter.effects.iter().zip(&answers) {
                let told = answer.first().filter(|(_, weight)| *weight >= SURE).copied();
                self.compare(matter, effect, told);
            }
        }
        self.note_named(matter);
    }

    /// Compares what was concluded with the cause that `effect` names.
    fn compare(&mut self, matter: &Matter<'_>, effect: usize, told: Option<(usize, f64)>) {
        let named = self.recent.get(matter.members[effect].reference).and_then(|known| known.cause.get());
        let named = named.and_then(|cause| place_of(matter.members, cause));
        let Some(cause) = told.map(|(at, _)| at).or(named) else { return };
        let pair = (matter.members[cause].lineage, matter.lineage);
        let trial = self.trace_order.trials.entry(pair).or_default();
        let numbers = &mut self.trace_order.numbers;
        let (own, all) = match told {
            Some((at, _)) if Some(at) == named => (&mut trial.right, &mut numbers.right),
            Some(_) => (&mut trial.wrong, &mut numbers.wrong),
            None => (&mut trial.missed, &mut numbers.missed),
        };
        *own += 1;
        *all += 1;
        if let Some((at, weight)) = told {
            if is_weighed(weight) {
                *(if Some(at) == named { &mut trial.weighed.0 } else { &mut trial.weighed.1 }) += 1;
            }
            trial.claimed += trial.confidence(weight);
        }
        trial.example = Some((matter.members[cause].reference, matter.members[effect].reference));
    }

    /// Hands over how conclusions fared since the last commit.
    pub(in crate::causality) fn commit_trials(&mut self, changes: &mut Changes) {
        let untold = self.trace_order.trials.values_mut().filter(|trial| trial.example.is_some());
        for trial in untold {
            let Some((cause, effect)) = trial.example.take() else { continue };
            let profile = |event: EventRef| self.recent.get(event).map(|known| (event, known.profile));
            let (Some(cause), Some(effect)) = (profile(cause), profile(effect)) else { continue };
            let counted = trial.counted();
            let since = std::mem::replace(&mut trial.told, counted);
            let [right, wrong, missed] = std::array::from_fn(|at| trial.told.0[at] - since.0[at]);
            let claimed = trial.told.1 - since.1;
            changes.trials.push(TrialRow {
                cause,
                effect,
                evidence: Evidence::TraceOrder,
                right,
                wrong,
                missed,
                claimed,
            });
        }
    }

    /// Learns delays and order from causes that are named.
    fn note_named(&mut self, matter: &Matter<'_>) {
        for &at in &matter.effects {
            self.trace_order.window.tried(matter.number, at);
            let effect = &matter.members[at];
            let named = self.recent.get(effect.reference).and_then(|known| known.cause.get());
            if let Some(cause) = named.and_then(|cause| place_of(matter.members, cause)) {
                self.trace_order.delays.note(&matter.members[cause], effect);
            }
        }
    }
}

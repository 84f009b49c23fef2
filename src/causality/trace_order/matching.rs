//! Which event of a trace caused which, given what may cause what.

use super::delay::Delays;
use super::hypothesis::{Hypothesis, precedes};
use super::window::Member;

/// Ways to match that are tried; beyond, nothing is said.
const STEPS: usize = 5_000;
/// Weight below which a way is not worth telling.
const LEAST: f64 = 0.05;

/// Causes that an event may have, with weights that add up to 1, the heaviest first. Places in the trace.
pub(super) type Weighted = Vec<(usize, f64)>;

/// For each of `effects` (places in `members`) what may have caused it. `taken` are places of members that have an effect of
/// this lineage already.
pub(super) fn assign(
    members: &[Member],
    effects: &[usize],
    taken: &[usize],
    hypothesis: &Hypothesis,
    delays: &Delays,
) -> Vec<Weighted> {
    let mut answers: Option<Vec<Weighted>> = None;
    for set in &hypothesis.rivals {
        let options: Vec<Vec<(usize, f64)>> =
            effects.iter().map(|&effect| options(members, effect, taken, (set, hypothesis), delays)).collect();
        let weighted = if hypothesis.single { together(members, &options) } else { apart(options) };
        answers = Some(match answers {
            None => weighted,
            Some(before) => before.into_iter().zip(weighted).map(|(a, b)| agreed(a, b)).collect(),
        });
    }
    answers.unwrap_or_else(|| vec![Vec::new(); effects.len()])
}

/// Two rivals that name one cause are one; else both stand, and neither is sure.
fn agreed(a: Weighted, b: Weighted) -> Weighted {
    match (a.first(), b.first()) {
        (Some(x), Some(y)) if x.0 == y.0 => {
            if x.1 < y.1 {
                a
            } else {
                b
            }
        }
        (None, _) | (_, None) => Vec::new(),
        _ => normal(a.into_iter().chain(b).collect()),
    }
}

fn options(
    members: &[Member],
    effect: usize,
    taken: &[usize],
    (set, hypothesis): (&[u32], &Hypothesis),
    delays: &Delays,
) -> Vec<(usize, f64)> {
    let later = &members[effect];
    let possible: Vec<usize> = (0..members.len())
        .filter(|&at| {
            let earlier = &members[at];
            at != effect
                && set.contains(&earlier.lineage)
                && precedes(earlier, later)
                && hypothesis.in_common.holds(earlier, later)
                && !(hypothesis.single && taken.contains(&at))
        })
        .collect();
    let ordered: Vec<usize> = possible.iter().copied().filter(|&at| delays.in_order(&members[at], later)).collect();
    let kept = if ordered.is_empty() { possible } else { ordered };
    // Where no cause is named, delays were learned from conclusions alone, and would only confirm them.
    let likelihood = |at: usize| if hypothesis.named { delays.likelihood(&members[at], later) } else { 0.0 };
    kept.into_iter().map(|at| (at, likelihood(at))).collect()
}

/// Each effect by itself.
fn apart(options: Vec<Vec<(usize, f64)>>) -> Vec<Weighted> {
    options
        .into_iter()
        .map(|options| {
            let most = options.iter().map(|option| option.1).fold(f64::NEG_INFINITY, f64::max);
            normal(options.into_iter().map(|(at, likelihood)| (at, (likelihood - most).exp())).collect())
        })
        .collect()
}

/// All effects at once: each cause has one, and records of one partition have theirs in their order.
fn together(members: &[Member], options: &[Vec<(usize, f64)>]) -> Vec<Weighted> {
    let mut search = Search {
        members,
        options,
        chosen: Vec::new(),
        weights: vec![Weighted::new(); options.len()],
        steps: 0,
        most: None,
    };
    // The likeliest way first says what the others are measured by.
    search.go(0.0);
    if search.steps > STEPS {
        return vec![Weighted::new(); options.len()];
    }
    search.weights.into_iter().map(normal).collect()
}

struct Search<'a> {
    members: &'a [Member],
    options: &'a [Vec<(usize, f64)>],
    chosen: Vec<Option<usize>>,
    weights: Vec<Weighted>,
    steps: usize,
    /// Likelihood of the first way that was found: the unit of the others.
    most: Option<f64>,
}

impl Search<'_> {
    fn go(&mut self, likelihood: f64) {
        self.steps += 1;
        if self.steps > STEPS {
            return;
        }
        let effect = self.chosen.len();
        if effect == self.options.len() {
            let unit = *self.most.get_or_insert(likelihood);
            let weight = (likelihood - unit).clamp(-500.0, 500.0).exp();
            for (effect, cause) in self.chosen.iter().enumerate() {
                if let Some(cause) = cause {
                    self.weights[effect].push((*cause, weight));
                }
            }
            return;
        }
        if self.options[effect].is_empty() {
            self.chosen.push(None);
            self.go(likelihood);
            self.chosen.pop();
        }
        for at in 0..self.options[effect].len() {
            let (cause, more) = self.options[effect][at];
            if self.is_free(cause) {
                self.chosen.push(Some(cause));
                self.go(likelihood + more);
                self.chosen.pop();
            }
        }
    }

    /// Effects are chosen by time, so a later one has the later record of a partition.
    fn is_free(&self, cause: usize) -> bool {
        let cause = self.members[cause].reference;
        self.chosen
            .iter()
            .flatten()
            .map(|&other| self.members[other].reference)
            .all(|other| other != cause && (other.ordinal() != cause.ordinal() || other < cause))
    }
}

fn normal(mut weighted: Weighted) -> Weighted {
    weighted.sort_unstable_by_key(|(at, _)| *at);
    weighted.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    let sum: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    weighted.iter_mut().for_each(|(_, weight)| *weight /= sum);
    weighted.retain(|(_, weight)| *weight >= LEAST);
    weighted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    weighted
}

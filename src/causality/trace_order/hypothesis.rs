//! "Type A on topic X causes type B on topic Y": which lineages may have caused the events of one lineage.
//!
//! Where events of it name their causes, those say it. Otherwise a set of lineages has to explain every trace: each event
//! has an earlier one of the set (else the set is killed), often it is the nearest of all, and mostly there are as many
//! causes as effects. Of such sets the one is taken that other traces have least: the first event of a flow is before all
//! that follow, and says nothing. Then the smallest, and then the one after which the effect follows most steadily: a
//! chain is steadier by its last step than by its first, and a neighbour on another branch is less steady than the common
//! cause. What cannot be told apart stays a rival, and only what all rivals say alike is concluded.

use super::window::{Member, Standing};
use std::collections::{HashMap, HashSet};

/// Events that have a candidate at all, from which something is said without any that names its cause.
const CASES_LEAST: usize = 30;
/// Events that name their cause, from which they alone say what causes a lineage.
const LABELS_LEAST: usize = 10;
/// One in so many named causes may be of a lineage by accident: an id that was copied along.
const LABELS_STRAY: usize = 100;
/// Lineages that are looked at as causes of one other, the most frequent ones.
const CANDIDATES: usize = 10;
/// Lineages that together may cause one other; more are too many to tell without names.
const SET: usize = 3;
/// Share of events that must have an earlier one of the set.
const COVERED: f64 = 0.98;
/// Share of traces in which there must be as many causes as effects, before each cause is supposed to have one.
const CONSERVED: f64 = 0.8;
/// Share below which a set has too little to do with the effect to be believed.
const CONSERVED_LEAST: f64 = 0.6;
/// Share of events that may begin their trace. Where most do, the context is lost on the way there, and what is before
/// the others was lost with them.
const ENTRIES: f64 = 0.5;
/// Share of events before which the nearest of all records must be of the set: between a cause and its effect there are
/// no others, unless branches run side by side.
const NEAREST: f64 = 0.3;
/// A set that other traces have more often, by this factor and this share, says less.
const RARER: (f64, f64) = (1.05, 0.01);
/// Shares that differ by less say the same.
const SAME_SHARE: f64 = 0.03;
/// A rival whose delays are spread wider by this factor is beaten.
const STEADIER: f64 = 1.1;
/// Rivals that are kept.
const RIVALS: usize = 4;
/// Share of events that must have what their cause has, before only that is a cause.
const SHARED: f64 = 0.98;
/// A record cannot be fetched, processed and answered within the tick of a record's timestamp, in µs.
pub(super) const TICK: i64 = 1_000;
/// Nearer than this on the median, two lineages may be sent together or follow each other: nobody can tell.
const DOUBTFUL: i64 = 3 * TICK;

/// One bit a candidate.
type Set = u16;

/// What cause and effect have in common, where they always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct InCommon {
    key: bool,
    correlation: bool,
    span: bool,
}

impl InCommon {
    pub fn holds(self, cause: &Member, effect: &Member) -> bool {
        (!self.key || cause.key == effect.key)
            && (!self.correlation || cause.correlation == effect.correlation)
            && (!self.span || cause.span == effect.span)
    }
}

/// What is supposed to cause one lineage.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hypothesis {
    /// Sets of lineages that explain it equally well; none when nothing can be said.
    pub rivals: Vec<Vec<u32>>,
    /// Each cause has one effect of this lineage.
    pub single: bool,
    /// Events that name their causes say so.
    pub named: bool,
    pub in_common: InCommon,
}

/// One trace in which the lineage occurs, with what is known of the named causes of its events.
pub(super) struct Case<'a> {
    pub members: &'a [Member],
    /// For each event of the lineage that names its cause: the lineage of the cause, if that is in the trace.
    pub labels: Vec<Option<u32>>,
}

/// True when `earlier` may have caused `later`, as far as time goes.
pub(super) fn precedes(earlier: &Member, later: &Member) -> bool {
    earlier.time + TICK <= later.time
}

/// Learns what causes `lineage`. `others` are traces of any kind, to compare with; `together` says whether one group may read all lineages of a set.
pub(super) fn learn(
    lineage: u32,
    cases: &[Case<'_>],
    others: &[&[Member]],
    together: impl Fn(&[u32]) -> bool,
) -> Hypothesis {
    let labels = by_labels(cases);
    let named = labels.is_some();
    let (sets, single) = match labels {
        Some(set) => {
            let single = conserved(lineage, cases, &set) >= 1.0 - (1.0 - CONSERVED) / 2.0;
            (vec![set], single)
        }
        None => by_traces(lineage, cases, others, together),
    };
    let rivals: Vec<Vec<u32>> = sets.into_iter().filter(|set| !set.is_empty()).collect();
    let in_common = in_common(lineage, cases, &rivals);
    Hypothesis { rivals, single, named, in_common }
}

/// What the events that name their causes say; `None` when too few do.
fn by_labels(cases: &[Case<'_>]) -> Option<Vec<u32>> {
    let mut named: HashMap<Option<u32>, usize> = HashMap::new();
    for label in cases.iter().flat_map(|case| &case.labels) {
        *named.entry(*label).or_default() += 1;
    }
    let total: usize = named.values().sum();
    let often = |count: usize| count >= 2 && count * LABELS_STRAY >= total;
    let mut set: Vec<u32> =
        named.into_iter().filter(|(_, count)| often(*count)).filter_map(|(lineage, _)| lineage).collect();
    set.sort_unstable();
    (total >= LABELS_LEAST).then_some(set)
}

/// Share of the traces with a cause in which there are as many of `set` as of `lineage`.
fn conserved(lineage: u32, cases: &[Case<'_>], set: &[u32]) -> f64 {
    let count = |members: &[Member], wanted: &dyn Fn(u32) -> bool| {
        members.iter().filter(|member| wanted(member.lineage)).count()
    };
    let counts = cases.iter().map(|case| {
        (count(case.members, &|other| set.contains(&other)), count(case.members, &|other| other == lineage))
    });
    let with: Vec<(usize, usize)> = counts.filter(|(causes, _)| *causes > 0).collect();
    with.iter().filter(|(causes, effects)| causes == effects).count() as f64 / with.len().max(1) as f64
}

/// One trace, reduced to what sets are judged by.
struct Reduced {
    /// Time and candidate, by time.
    earlier: Vec<(i64, Set)>,
    /// The effects that something preceded: when, and which candidates were nearest of all; 0 where none of them was.
    effects: Vec<(i64, Set)>,
    /// Effects that nothing preceded: the trace began with them.
    entries: usize,
}

fn by_traces(
    lineage: u32,
    cases: &[Case<'_>],
    others: &[&[Member]],
    together: impl Fn(&[u32]) -> bool,
) -> (Vec<Vec<u32>>, bool) {
    let nothing = (Vec::new(), false);
    let Some(near) = neighbours(lineage, cases) else { return nothing };
    let candidates = candidates(lineage, cases, &near);
    let traces: Vec<Reduced> = cases.iter().map(|case| reduce(lineage, case.members, &candidates, &near)).collect();
    let instances: usize = traces.iter().map(|trace| trace.effects.len()).sum();
    let entries: usize = traces.iter().map(|trace| trace.entries).sum();
    if entries as f64 > ENTRIES * (entries + instances) as f64 {
        return nothing;
    }
    let held: Vec<Set> = others
        .iter()
        .map(|members| members.iter().filter_map(|member| bit(&candidates, member)).fold(0, |all, one| all | one))
        .collect();
    let named = |set: Set| -> Vec<u32> {
        (0..candidates.len()).filter(|at| set >> at & 1 == 1).map(|at| candidates[at]).collect()
    };
    let possible = |set: &Set| {
        let size = set.count_ones() as usize;
        size <= SET && instances >= CASES_LEAST * size && together(&named(*set))
    };
    let fits = (1..1 << candidates.len()).filter(possible).filter_map(|set| fit(set, &traces, &held));
    let best = best(fits.collect());
    let single = !best.is_empty() && best.iter().all(|fit| fit.conserved >= CONSERVED);
    (best.into_iter().map(|fit| named(fit.set)).collect(), single)
}

fn bit(candidates: &[u32], member: &Member) -> Option<Set> {
    let at = candidates.iter().position(|candidate| *candidate == member.lineage)?;
    Some(1 << at)
}

/// Lineages that are sent together with `lineage`: their records carry the same time. `None` when some are so near that
/// they may as well be its cause.
fn neighbours(lineage: u32, cases: &[Case<'_>]) -> Option<HashSet<u32>> {
    let mut distances: HashMap<u32, Vec<i64>> = HashMap::new();
    for case in cases {
        for effect in case.members.iter().filter(|member| member.lineage == lineage) {
            let mut nearest: HashMap<u32, i64> = HashMap::new();
            for other in case.members.iter().filter(|member| member.lineage != lineage) {
                let distance = (other.time - effect.time).abs();
                nearest.entry(other.lineage).and_modify(|least| *least = distance.min(*least)).or_insert(distance);
            }
            nearest.into_iter().for_each(|(other, distance)| distances.entry(other).or_default().push(distance));
        }
    }
    let medians = distances.into_iter().filter(|(_, all)| all.len() >= CASES_LEAST).map(|(other, mut all)| {
        let middle = all.len() / 2;
        (other, *all.select_nth_unstable(middle).1)
    });
    let near: Vec<(u32, i64)> = medians.filter(|(_, median)| *median <= DOUBTFUL).collect();
    let sent_together = near.iter().all(|(_, median)| *median <= TICK);
    sent_together.then(|| near.into_iter().map(|(other, _)| other).collect())
}

fn candidates(lineage: u32, cases: &[Case<'_>], near: &HashSet<u32>) -> Vec<u32> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for case in cases {
        let last = case.members.iter().filter(|member| member.lineage == lineage).max_by_key(|member| member.time);
        let Some(last) = last else { continue };
        let earlier = case.members.iter().filter(|member| precedes(member, last));
        let lineages: HashSet<u32> = earlier.map(|member| member.lineage).collect();
        for other in lineages.into_iter().filter(|other| *other != lineage && !near.contains(other)) {
            *counts.entry(other).or_default() += 1;
        }
    }
    let mut candidates: Vec<(u32, usize)> = counts.into_iter().collect();
    candidates.sort_unstable_by_key(|(other, count)| (std::cmp::Reverse(*count), *other));
    candidates.truncate(CANDIDATES);
    candidates.into_iter().map(|(other, _)| other).collect()
}

fn reduce(lineage: u32, members: &[Member], candidates: &[u32], near: &HashSet<u32>) -> Reduced {
    let mut others: Vec<(i64, Set)> = members
        .iter()
        .filter(|member| member.lineage != lineage && !near.contains(&member.lineage))
        .map(|member| (member.time, bit(candidates, member).unwrap_or(0)))
        .collect();
    others.sort_unstable();
    let (mut effects, mut entries) = (Vec::new(), 0);
    for effect in members.iter().filter(|member| member.lineage == lineage) {
        let earlier = &others[..others.partition_point(|(time, _)| time + TICK <= effect.time)];
        match earlier.last() {
            Some((last, _)) => {
                let nearest = earlier.iter().rev().take_while(|(time, _)| time + TICK > *last);
                effects.push((effect.time, nearest.fold(0, |all, (_, one)| all | one)));
            }
            None => entries += 1,
        }
    }
    others.retain(|(_, candidate)| *candidate != 0);
    Reduced { earlier: others, effects, entries }
}

/// How well a set explains the traces.
struct Fit {
    set: Set,
    /// Share of traces of any kind that have something of it.
    held: f64,
    /// Share of its traces with as many causes as effects.
    conserved: f64,
    /// Share of effects before which the nearest of all was of the set.
    nearest: f64,
    /// How far the delays after the nearest of the set lie from their median on the mean, µs.
    spread: i64,
}

/// `None` when the set is killed: too many effects have nothing of it before them, or it has little to do with them.
fn fit(set: Set, traces: &[Reduced], others: &[Set]) -> Option<Fit> {
    let mut delays = Vec::new();
    let (mut instances, mut nearest, mut conserved, mut with) = (0, 0, 0, 0);
    for trace in traces.iter().filter(|trace| !trace.effects.is_empty()) {
        let causes = || trace.earlier.iter().filter(|(_, candidate)| set & candidate != 0);
        with += 1;
        conserved += usize::from(trace.entries == 0 && causes().count() == trace.effects.len());
        for (effect, last) in &trace.effects {
            instances += 1;
            nearest += usize::from(set & last != 0);
            let cause = causes().take_while(|(time, _)| time + TICK <= *effect).last();
            delays.extend(cause.map(|(time, _)| effect - time));
        }
    }
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let held = others.iter().filter(|other| set & **other != 0).count();
    let conserved = share(conserved, with);
    let nearest = share(nearest, instances);
    let stands = share(delays.len(), instances) >= COVERED && conserved >= CONSERVED_LEAST;
    stands.then(|| Fit { set, held: share(held, others.len()), conserved, nearest, spread: spread(delays) })
}

/// Mean distance from the median, without the tails: a pause that hits all says nothing about a cause.
fn spread(mut delays: Vec<i64>) -> i64 {
    delays.sort_unstable();
    let tail = delays.len() / 40;
    let middle = &delays[tail..delays.len() - tail];
    let median = middle[middle.len() / 2];
    middle.iter().map(|delay| (delay - median).abs()).sum::<i64>() / middle.len() as i64
}

fn best(mut fits: Vec<Fit>) -> Vec<Fit> {
    let rarest = fits.iter().map(|fit| fit.held).fold(1.0, f64::min);
    fits.retain(|fit| fit.held <= rarest * RARER.0 + RARER.1);
    let smallest = fits.iter().map(|fit| fit.set.count_ones()).min().unwrap_or(0);
    fits.retain(|fit| fit.set.count_ones() == smallest);
    let most = fits.iter().map(|fit| fit.conserved).fold(0.0, f64::max);
    fits.retain(|fit| fit.conserved >= most - SAME_SHARE);
    let steadiest = fits.iter().map(|fit| fit.spread).min().unwrap_or(0);
    fits.retain(|fit| fit.spread as f64 <= steadiest as f64 * STEADIER);
    // Too many rivals agree on nothing, and what never comes right before the effect is no cause by itself.
    let says = fits.len() <= RIVALS && fits.iter().any(|fit| fit.nearest >= NEAREST);
    if says { fits } else { Vec::new() }
}

fn in_common(lineage: u32, cases: &[Case<'_>], rivals: &[Vec<u32>]) -> InCommon {
    let (mut events, mut key, mut correlation, mut span) = (0, 0, 0, 0);
    for members in cases.iter().map(|case| case.members) {
        for effect in members.iter().filter(|member| member.lineage == lineage && member.standing != Standing::Copy) {
            let causes = members
                .iter()
                .filter(|cause| precedes(cause, effect) && rivals.iter().any(|set| set.contains(&cause.lineage)));
            let mut any = [false; 4];
            for cause in causes {
                any[0] = true;
                any[1] |= cause.key == effect.key;
                any[2] |= cause.correlation == effect.correlation;
                any[3] |= cause.span == effect.span;
            }
            events += u32::from(any[0]);
            key += u32::from(any[1]);
            correlation += u32::from(any[2]);
            span += u32::from(any[3]);
        }
    }
    let always = |count: u32| events > 0 && f64::from(count) >= SHARED * f64::from(events);
    InCommon { key: always(key), correlation: always(correlation), span: always(span) }
}

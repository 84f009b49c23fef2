//! How long an effect follows its cause, and whether effects keep the order of their causes.

use super::window::Member;
use crate::causality::hashing::Spreading;
use std::collections::HashMap;

/// Half octaves of µs: from 1 µs to more than a month.
const BINS: usize = 84;
/// Delays from which the shape of a pair is used; before, the shorter is simply the likelier.
const SHAPED: u32 = 5;
/// Pairs of lineages whose delays are kept; further ones have no shape.
const PAIRS: usize = 100_000;
/// Input partitions and output lineages whose order is kept; further ones give no bounds.
const ORDERS: usize = 100_000;
/// Effects that are remembered of one input partition.
const EFFECTS: usize = 64;
/// Neighbours that must have been seen before order is relied on.
const ORDER_LEAST: u32 = 20;
/// One in so many neighbours may be out of order: a redelivery after a crash is.
const ORDER_BROKEN: u32 = 50;

/// Delays from one lineage to another, in half octaves.
#[derive(Debug, Clone)]
struct Shape {
    bins: [u16; BINS],
    total: u32,
    /// Neighbours on one input partition that were compared, and those whose effects came in the other order.
    compared: u32,
    turned: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { bins: [0; BINS], total: 0, compared: 0, turned: 0 }
    }
}

fn bin(delay: i64) -> usize {
    let delay = delay.max(0) as f64 + 1.0;
    ((delay.log2() * 2.0) as usize).min(BINS - 1)
}

impl Shape {
    fn note(&mut self, delay: i64) {
        let at = bin(delay);
        if self.bins[at] == u16::MAX {
            // What is new must count: the past fades.
            self.bins.iter_mut().for_each(|count| *count /= 2);
            self.total = self.bins.iter().map(|&count| u32::from(count)).sum();
        }
        self.bins[at] += 1;
        self.total += 1;
    }

    fn likelihood(&self, delay: i64) -> f64 {
        if self.total < SHAPED {
            return -((delay.max(0) + 1_000) as f64).ln();
        }
        let at = bin(delay);
        let count = |at: Option<usize>| at.and_then(|at| self.bins.get(at)).map_or(0.0, |&count| f64::from(count));
        let near = 2.0 * count(Some(at)) + count(at.checked_sub(1)) + count(Some(at + 1));
        ((near + 0.2) / (4.0 * f64::from(self.total) + 0.2 * BINS as f64)).ln()
    }
}

/// Effects that followed the records of one input partition: (place of the cause, time of the effect), by place.
type Effects = Vec<(i64, i64)>;

/// What was learned of delays and of order.
#[derive(Debug, Clone, Default)]
pub(super) struct Delays {
    shapes: HashMap<(u32, u32), Shape>,
    effects: HashMap<(i64, u32), Effects, Spreading>,
}

impl Delays {
    /// `cause` was found to have caused `effect`.
    pub fn note(&mut self, cause: &Member, effect: &Member) {
        let pair = (cause.lineage, effect.lineage);
        if self.shapes.len() >= PAIRS && !self.shapes.contains_key(&pair) {
            return;
        }
        let shape = self.shapes.entry(pair).or_default();
        shape.note(effect.time - cause.time);
        let place = order_of(cause, effect);
        if self.effects.len() >= ORDERS && !self.effects.contains_key(&place) {
            return;
        }
        let effects = self.effects.entry(place).or_default();
        let at = effects.partition_point(|(offset, _)| *offset < cause.reference.0);
        let before = at.checked_sub(1).and_then(|at| effects.get(at));
        let after = effects.get(at).filter(|(offset, _)| *offset != cause.reference.0);
        for turned in [before.map(|b| b.1 > effect.time), after.map(|a| a.1 < effect.time)].into_iter().flatten() {
            shape.compared += 1;
            shape.turned += u32::from(turned);
        }
        effects.insert(at, (cause.reference.0, effect.time));
        if effects.len() > EFFECTS {
            effects.remove(0);
        }
    }

    /// Logarithm of how likely `effect` follows `cause` after the time that it did.
    pub fn likelihood(&self, cause: &Member, effect: &Member) -> f64 {
        let unknown = Shape::default();
        let shape = self.shapes.get(&(cause.lineage, effect.lineage)).unwrap_or(&unknown);
        shape.likelihood(effect.time - cause.time)
    }

    /// A group reads a partition in the order of its offsets, so effects of neighbours bound when `cause` was read. False
    /// when `effect` lies outside. Where order was seen to break, everything is inside.
    pub fn in_order(&self, cause: &Member, effect: &Member) -> bool {
        let Some(shape) = self.shapes.get(&(cause.lineage, effect.lineage)) else { return true };
        if shape.compared < ORDER_LEAST || shape.turned * ORDER_BROKEN > shape.compared {
            return true;
        }
        let Some(effects) = self.effects.get(&order_of(cause, effect)) else { return true };
        let at = effects.partition_point(|(offset, _)| *offset < cause.reference.0);
        let before = at.checked_sub(1).and_then(|at| effects.get(at));
        let after = effects[at..].iter().find(|(offset, _)| *offset != cause.reference.0);
        before.is_none_or(|b| b.1 <= effect.time) && after.is_none_or(|a| effect.time <= a.1)
    }
}

fn order_of(cause: &Member, effect: &Member) -> (i64, u32) {
    (i64::from(cause.reference.ordinal().0), effect.lineage)
}

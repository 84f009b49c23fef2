//! Questions that the graph of a conversation answers, whatever its events and edges carry.
//!
//! Edges lead from cause to effect, and nodes are numbered in the order of time. Everything here takes time linear in events
//! and edges (besides sorting), ends on cycles, and recurses nowhere: a chain may be as long as a conversation.

use crate::event::Timestamp;
use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

#[cfg(test)]
mod tests;

/// Events of the longest chain that are told: those at its two ends.
const CHAIN_MAX: usize = 64;
/// Hops of it that took longest, wherever they lie in it.
const SLOWEST: usize = 3;
/// Cycles that are told; all are counted.
const CYCLES_MAX: usize = 5;
/// Events of one cycle that are told.
const CYCLE_MAX: usize = 12;

/// The cause that each event is drawn under, by the number of the event.
pub(super) type Parents = Vec<Option<NodeIndex>>;

/// One cause an event: the strongest (smallest by `strength`), then the earliest. Where these close a circle it is cut
/// before its earliest event, whose lost cause is returned with it.
pub(super) fn parents<N, E>(
    graph: &DiGraph<N, E>,
    strength: impl Fn(&E) -> usize,
) -> (Parents, HashMap<NodeIndex, NodeIndex>) {
    let mut parents: Parents = graph
        .node_indices()
        .map(|effect| {
            graph
                .edges_directed(effect, Direction::Incoming)
                .filter(|edge| edge.source() != effect)
                .min_by_key(|edge| (strength(edge.weight()), edge.source()))
                .map(|edge| edge.source())
        })
        .collect();
    let mut circles = HashMap::new();
    // 0 is not visited; else the number of the walk that came by.
    let mut walk_of = vec![0usize; parents.len()];
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut at = start;
        while walk_of[at] == 0 {
            walk_of[at] = walk;
            match parents[at] {
                Some(parent) => at = parent.index(),
                None => break,
            }
        }
        // Met by the same walk again, and with a cause still: the walk went round.
        if walk_of[at] == walk && parents[at].is_some() {
            cut(&mut parents, &mut circles, at);
        }
    }
    (parents, circles)
}

fn cut(parents: &mut Parents, circles: &mut HashMap<NodeIndex, NodeIndex>, on_circle: usize) {
    let (mut earliest, mut at) = (on_circle, on_circle);
    while let Some(parent) = parents[at] {
        at = parent.index();
        earliest = earliest.min(at);
        if at == on_circle {
            break;
        }
    }
    if let Some(parent) = parents[earliest].take() {
        circles.insert(NodeIndex::new(earliest), parent);
    }
}

/// Steps from each event up to its top. Every event is walked once: known depths end a walk.
pub(super) fn depths(parents: &Parents) -> Vec<usize> {
    let mut depth: Vec<Option<usize>> = vec![None; parents.len()];
    let mut path = Vec::new();
    for start in 0..parents.len() {
        let mut at = start;
        let mut above = loop {
            if let Some(known) = depth[at] {
                break known + 1;
            }
            path.push(at);
            match parents[at] {
                Some(parent) => at = parent.index(),
                None => break 0,
            }
        };
        while let Some(at) = path.pop() {
            depth[at] = Some(above);
            above += 1;
        }
    }
    depth.into_iter().map(Option::unwrap_or_default).collect()
}

/// The events in an order in which causes come before their effects, as far as cycles allow it.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// The place of each event in that order.
    place: Vec<u32>,
    /// The level of each event: one below the lowest of its causes, 0 for one without.
    pub level: Vec<u32>,
    /// Events that cause each other, or themselves.
    knots: Vec<Vec<NodeIndex>>,
}

impl Layers {
    /// Orders a graph. Inside a cycle the order is that of time: edges against it are left out.
    pub fn of<N, E>(graph: &DiGraph<N, E>) -> Self {
        let mut itself = vec![false; graph.node_count()];
        for edge in graph.edge_references().filter(|edge| edge.source() == edge.target()) {
            itself[edge.source().index()] = true;
        }
        let mut order: Vec<NodeIndex> = Vec::with_capacity(graph.node_count());
        let mut knots = Vec::new();
        // Effects come before their causes there.
        for mut component in kosaraju_scc(graph).into_iter().rev() {
            component.sort_unstable();
            order.extend(&component);
            if component.len() > 1 || component.iter().any(|at| itself[at.index()]) {
                knots.push(component);
            }
        }
        knots.sort();
        let mut place = vec![0u32; order.len()];
        for (n, at) in order.iter().enumerate() {
            place[at.index()] = u32::try_from(n).unwrap_or(u32::MAX);
        }
        let mut layers = Self { level: vec![0; order.len()], place, knots };
        for &at in &order {
            let below = layers.causes(graph, at).map(|cause| layers.level[cause.index()] + 1).max();
            layers.level[at.index()] = below.unwrap_or(0);
        }
        layers
    }

    /// The causes of an event that come before it.
    fn causes<N, E>(&self, graph: &DiGraph<N, E>, at: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let causes = graph.neighbors_directed(at, Direction::Incoming);
        causes.filter(move |cause| self.place[cause.index()] < self.place[at.index()])
    }
}

/// One event of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The event.
    pub reference: i64,
    /// Time since the cause before it in the chain, µs; 0 for the first event.
    pub after_us: i64,
}

/// What the graph of a conversation is like as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Events.
    pub events: usize,
    /// Levels: an event stands one level below the lowest of its causes.
    pub levels: usize,
    /// The level, counted from 0, that holds most events, the first such.
    pub widest_level: usize,
    /// How many it holds.
    pub widest_events: usize,
    /// Events with several causes.
    pub joining: usize,
    /// The chain that ended last: from the latest event that has a cause, always to the latest of the causes that the
    /// records themselves name, else of the inferred ones. First event first, at most 64 from the two ends.
    pub chain: Vec<Hop>,
    /// Hops of that chain, told or not.
    pub hops: usize,
    /// Of all of them those that took longest, the longest first.
    pub slowest: Vec<Hop>,
    /// Its time, µs.
    pub chain_us: i64,
    /// Sets of events that cause each other.
    pub cycle_count: usize,
    /// For some of those sets the shortest way round from its earliest event, which is not repeated at the end.
    pub cycles: Vec<Vec<i64>>,
}

/// How a graph tells what its events and edges are.
pub(super) trait Facts<N, E> {
    /// Ref and time of an event.
    fn event(&self, event: &N) -> (i64, Timestamp);
    /// True for an edge that is not only inferred.
    fn certain(&self, edge: &E) -> bool;
}

impl Shape {
    /// The shape of a graph whose `layers` are known.
    pub(super) fn of<N, E>(graph: &DiGraph<N, E>, layers: &Layers, facts: &impl Facts<N, E>) -> Self {
        let levels = layers.level.iter().max().map_or(0, |last| *last as usize + 1);
        let mut width = vec![0usize; levels];
        layers.level.iter().for_each(|level| width[*level as usize] += 1);
        let most = width.iter().copied().max().unwrap_or(0);
        let several = |at: &NodeIndex| {
            let mut causes = graph.neighbors_directed(*at, Direction::Incoming).filter(|cause| cause != at);
            causes.next().is_some_and(|first| causes.any(|other| other != first))
        };
        let mut shape = Self {
            events: graph.node_count(),
            levels,
            widest_level: width.iter().position(|events| *events == most).unwrap_or(0),
            widest_events: most,
            joining: graph.node_indices().filter(several).count(),
            cycle_count: layers.knots.len(),
            ..Self::default()
        };
        let name = |at: NodeIndex| facts.event(&graph[at]).0;
        let rounds = layers.knots.iter().take(CYCLES_MAX).map(|knot| round(graph, knot));
        shape.cycles = rounds.map(|round| round.into_iter().take(CYCLE_MAX).map(name).collect()).collect();
        shape.follow(graph, layers, facts);
        shape
    }

    /// Finds the chain that ended last.
    fn follow<N, E>(&mut self, graph: &DiGraph<N, E>, layers: &Layers, facts: &impl Facts<N, E>) {
        let time = |at: NodeIndex| facts.event(&graph[at]).1;
        let caused = |at: &NodeIndex| layers.causes(graph, *at).next().is_some();
        let mut next = graph.node_indices().rev().find(caused);
        let mut chain = Vec::new();
        while let Some(at) = next {
            let causes = graph.edges_directed(at, Direction::Incoming);
            let before = causes.filter(|edge| layers.place[edge.source().index()] < layers.place[at.index()]);
            next = before.max_by_key(|edge| (facts.certain(edge.weight()), edge.source())).map(|edge| edge.source());
            let after_us = next.map_or(0, |cause| time(at).since(time(cause)));
            chain.push(Hop { reference: facts.event(&graph[at]).0, after_us });
        }
        chain.reverse();
        self.hops = chain.len().saturating_sub(1);
        self.chain_us = chain.iter().fold(0i64, |sum, hop| sum.saturating_add(hop.after_us));
        let mut slowest: Vec<&Hop> = chain.iter().skip(1).collect();
        slowest.sort_by_key(|hop| std::cmp::Reverse(hop.after_us));
        self.slowest = slowest.into_iter().take(SLOWEST).cloned().collect();
        if chain.len() > CHAIN_MAX {
            chain.drain(CHAIN_MAX / 2..chain.len() - CHAIN_MAX / 2);
        }
        self.chain = chain;
    }
}

/// The shortest way from the earliest event of a knot back to itself.
fn round<N, E>(graph: &DiGraph<N, E>, knot: &[NodeIndex]) -> Vec<NodeIndex> {
    let Some(&start) = knot.first() else { return Vec::new() };
    let mut before: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for effect in graph.neighbors(at).filter(|effect| knot.binary_search(effect).is_ok()) {
            if effect == start {
                let mut way: Vec<NodeIndex> = std::iter::successors(Some(at), |at| before.get(at).copied()).collect();
                way.reverse();
                return way;
            }
            before.entry(effect).or_insert_with(|| {
                queue.push_back(effect);
                at
            });
        }
    }
    vec![start]
}

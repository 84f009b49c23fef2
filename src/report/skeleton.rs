//! A conversation that is too large to be read whole: its graph in a few bytes an event, what of it is shown, and the rest
//! level by level.

use super::graph::{Facts, Layers, Parents, Shape, parents};
use super::rows::RowError;
use super::{Cell, Table};
use crate::event::{EventRef, Evidence, EvidenceClass, Timestamp};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::str::FromStr;

#[cfg(test)]
mod tests;

/// Events of a conversation that is still read whole: some seconds of reading and 10 MB for those who take it as JSON.
pub const WHOLE_MAX: usize = 5_000;
/// Events of a larger conversation that its skeleton holds: 200 MB while it is made.
pub const SKELETON_MAX: usize = 2_000_000;
/// Events of it that are shown: as many lines as a person gets drawn.
pub const SHOWN_MAX: usize = 400;
/// Failure records that are shown, with their ways: more than are read one by one.
pub const FAILURES_MAX: usize = 100;
/// Events that were asked for, of which each is shown with its surroundings.
const ASKED_MAX: usize = 20;
/// Causes above such an event, and as many below its root, that are shown before the rest of the way is counted.
const WAY_MAX: usize = 40;
/// The same for the way from a failure.
const FAILED_WAY_MAX: usize = 6;
/// Further causes of an event that was asked for, that are shown.
const CAUSES_MAX: usize = 20;
/// Effects below the events that were asked for, that are shown.
const EFFECTS_MAX: usize = 100;
/// Roots that are shown.
const ROOTS_MAX: usize = 20;
/// Ranges that levels are told in: a chain has as many levels as events.
const RANGES_MAX: usize = 20;
/// Groups that are told: those with failures, then the largest.
const GROUPS_MAX: usize = 200;
/// Events that are named and not there, that are told: one is enough to find that it was deleted.
const ABSENT_MAX: usize = 1_000;

/// Number of [`Resolution`](crate::event::Resolution) `root`, `waiting` and `orphaned`.
const ROOT: u8 = 0;
const WAITING: u8 = 4;
const ORPHANED: u8 = 5;

/// What an event is in a skeleton.
struct Point {
    reference: i64,
    time: Timestamp,
    profile: i32,
    resolution: u8,
    failed: bool,
}

/// Number of the evidence.
struct Edge(u8);

impl Edge {
    fn certain(&self) -> bool {
        Evidence::ALL.get(usize::from(self.0)).is_none_or(|evidence| evidence.class() != EvidenceClass::Inferred)
    }
}

struct Bare;

impl Facts<Point, Edge> for Bare {
    fn event(&self, event: &Point) -> (i64, Timestamp) {
        (event.reference, event.time)
    }

    fn certain(&self, edge: &Edge) -> bool {
        edge.certain()
    }
}

/// What is known of a conversation without its nodes being read whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summed {
    /// Its events that are not shown, by level, topic and type: in the order of levels, then the largest first.
    pub groups: Vec<Group>,
    /// Groups, told or not.
    pub group_count: usize,
    /// Ways between events that are shown, over such as are not.
    pub ways: Vec<Way>,
    /// Events that are not shown.
    pub events: usize,
    /// Failure records of the whole conversation.
    pub failures: usize,
    /// Of these, not shown.
    pub failures_hidden: usize,
    /// Orphaned events of the whole conversation.
    pub orphaned: usize,
    /// Waiting events of the whole conversation.
    pub waiting: usize,
    /// Edges whose cause is not among its events.
    pub outside: usize,
    /// Refs that are named, and not among its events: the smallest.
    pub absent: Vec<i64>,
    /// The conversation is larger than its skeleton: it has more events than are counted here.
    pub cut: bool,
    /// Its graph as a whole.
    pub shape: Shape,
}

/// Events of some levels that lie on one topic and have one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The first level, counted from 0.
    pub level: usize,
    /// The last one.
    pub last_level: usize,
    /// Cluster.
    pub cluster: String,
    /// Topic.
    pub topic: String,
    /// Type, where the events name one.
    pub event_type: Option<String>,
    /// Events.
    pub events: usize,
    /// Of these, failure records.
    pub failures: usize,
    /// Time of the first.
    pub first: Timestamp,
    /// Time of the last.
    pub last: Timestamp,
}

/// A way from an event to one that it caused by way of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The event that it leads to.
    pub effect: i64,
    /// The event that it comes from.
    pub cause: i64,
    /// Events between.
    pub skipped: usize,
    /// No step of it is only inferred.
    pub certain: bool,
}

/// Where the records of an ordinal lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Cluster.
    pub cluster: String,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i64,
    /// Offset of the first ref.
    pub base: i64,
}

/// What the numbers of a skeleton stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Types by profile; a profile without one is not there.
    pub types: HashMap<i64, String>,
    /// Places by ordinal.
    pub places: BTreeMap<i64, Place>,
}

/// The graph of a conversation, its events in the order of time.
pub struct Skeleton {
    graph: DiGraph<Point, Edge>,
    /// Refs in order, with the number of the event.
    by_ref: Vec<(i64, u32)>,
    parents: Parents,
    layers: Layers,
    shape: Shape,
    outside: usize,
    absent: BTreeSet<i64>,
    cut: bool,
}

impl std::fmt::Debug for Skeleton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Skeleton").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// Numbers of one event or edge, between colons.
struct Numbers<'a>(std::str::Split<'a, char>);

impl Numbers<'_> {
    fn next<T: FromStr>(&mut self) -> Option<T> {
        self.0.next()?.parse().ok()
    }
}

/// Each entry of an answer that is packed: one column of text, entries between commas.
fn unpacked<'a>(table: &'a Table) -> impl Iterator<Item = Option<Numbers<'a>>> {
    table.rows.iter().flat_map(|row| match row.first() {
        Some(Cell::Text(text)) => text.split(',').map(|entry| Some(Numbers(entry.split(':')))).collect(),
        _ => vec![None],
    })
}

const UNREADABLE: RowError =
    RowError::Mismatch { row: "Skeleton", column: "entries", wanted: "numbers between colons" };

impl Skeleton {
    /// Reads the packed events and further edges of a conversation (`points_within`, `links_within`). Both are taken, so
    /// that they do not lie beside the graph.
    ///
    /// # Errors
    /// Answers that hold something else.
    pub fn read(points: Table, links: &Table) -> Result<Self, RowError> {
        let mut events = Vec::new();
        let mut edges: Vec<(i64, i64, u8)> = Vec::new();
        for entry in unpacked(&points) {
            let mut of = entry.ok_or(UNREADABLE)?;
            let point = (|| {
                let (reference, time) = (of.next()?, Timestamp(of.next()?));
                let (profile, resolution) = (of.next()?, of.next()?);
                Some(Point { reference, time, profile, resolution, failed: of.next::<u8>()? == 1 })
            })();
            let point = point.ok_or(UNREADABLE)?;
            if let (Some(cause), Some(evidence)) = (of.next(), of.next()) {
                edges.push((point.reference, cause, evidence));
            }
            events.push(point);
        }
        drop(points);
        for entry in unpacked(links) {
            let mut of = entry.ok_or(UNREADABLE)?;
            let edge = (|| Some((of.next()?, of.next()?, of.next()?)))();
            edges.push(edge.ok_or(UNREADABLE)?);
        }
        Ok(Self::of(events, edges, SKELETON_MAX))
    }

    fn of(mut events: Vec<Point>, mut edges: Vec<(i64, i64, u8)>, most: usize) -> Self {
        let cut = events.len() > most;
        events.truncate(most);
        events.sort_unstable_by_key(|point| (point.time, point.reference));
        events.dedup_by_key(|point| point.reference);
        let mut graph = DiGraph::with_capacity(events.len(), edges.len());
        let mut by_ref: Vec<(i64, u32)> =
            events.into_iter().map(|point| (point.reference, graph.add_node(point).index() as u32)).collect();
        by_ref.sort_unstable();
        let mut skeleton = Self {
            graph,
            by_ref,
            parents: Parents::new(),
            layers: Layers::default(),
            shape: Shape::default(),
            outside: 0,
            absent: BTreeSet::new(),
            cut,
        };
        edges.sort_unstable();
        for (effect, cause, evidence) in edges {
            match (skeleton.at(cause), skeleton.at(effect)) {
                (Some(cause), Some(effect)) => {
                    skeleton.graph.add_edge(cause, effect, Edge(evidence));
                }
                (None, Some(_)) => skeleton.miss(cause),
                _ => {}
            }
        }
        (skeleton.parents, _) = parents(&skeleton.graph, |edge| usize::from(edge.0));
        skeleton.layers = Layers::of(&skeleton.graph);
        skeleton.shape = Shape::of(&skeleton.graph, &skeleton.layers, &Bare);
        skeleton
    }

    fn miss(&mut self, cause: i64) {
        self.outside += 1;
        self.absent.insert(cause);
        if self.absent.len() > ABSENT_MAX {
            self.absent.pop_last();
        }
    }

    fn at(&self, reference: i64) -> Option<NodeIndex> {
        let found = self.by_ref.binary_search_by_key(&reference, |(reference, _)| *reference).ok()?;
        Some(NodeIndex::new(self.by_ref[found].1 as usize))
    }

    /// True for a ref of one of its events.
    pub fn holds(&self, reference: i64) -> bool {
        self.at(reference).is_some()
    }

    /// Profiles and ordinals of its events.
    pub fn numbers(&self) -> (BTreeSet<i64>, BTreeSet<i64>) {
        let profiles = self.graph.node_weights().map(|point| i64::from(point.profile)).collect();
        (profiles, self.by_ref.iter().map(|(reference, _)| ordinal(*reference)).collect())
    }

    /// The last event on each ordinal.
    pub fn last_events(&self) -> Vec<i64> {
        let next = self.by_ref.iter().skip(1).map(|(reference, _)| Some(*reference)).chain([None]);
        let last = |(&(reference, _), next): (&(i64, u32), Option<i64>)| {
            (next.map(ordinal) != Some(ordinal(reference))).then_some(reference)
        };
        self.by_ref.iter().zip(next).filter_map(last).collect()
    }

    /// Which events are shown, at most [`SHOWN_MAX`]: in this order the events that were `asked` for with the ways to their
    /// roots, the longest chain, cycles, the effects of what was asked for, and what `failed` with its ways.
    /// What was asked for is shown also where it lies beyond the skeleton.
    pub fn choose(&self, asked_for: &[i64], failed: &[i64]) -> BTreeSet<i64> {
        let mut shown = Shown { is: BTreeSet::new() };
        let count = self.graph.node_count();
        let asked: Vec<NodeIndex> = asked_for.iter().take(ASKED_MAX).filter_map(|at| self.at(*at)).collect();
        asked.iter().for_each(|at| shown.add(*at));
        asked.iter().for_each(|at| self.way(&mut shown, *at, WAY_MAX));
        [0, count.saturating_sub(1)].into_iter().filter(|n| *n < count).for_each(|n| shown.add(NodeIndex::new(n)));
        let roots = self.graph.node_indices().filter(|at| self.graph[*at].resolution == ROOT);
        roots.take(ROOTS_MAX).for_each(|at| shown.add(at));
        for at in &asked {
            let causes = self.graph.neighbors_directed(*at, Direction::Incoming);
            causes.take(CAUSES_MAX).for_each(|cause| shown.add(cause));
        }
        let hops = self.shape.slowest.iter().chain(&self.shape.chain);
        let told = hops.map(|hop| hop.reference).chain(self.shape.cycles.iter().flatten().copied());
        told.filter_map(|reference| self.at(reference)).for_each(|at| shown.add(at));
        self.effects(&asked).into_iter().for_each(|at| shown.add(at));
        let failed: Vec<NodeIndex> = failed.iter().filter_map(|at| self.at(*at)).collect();
        failed.iter().for_each(|at| shown.add(*at));
        failed.iter().for_each(|at| self.way(&mut shown, *at, FAILED_WAY_MAX));
        let beyond = asked_for.iter().take(ASKED_MAX).filter(|reference| !self.holds(**reference)).copied();
        shown.is.into_iter().map(|at| self.graph[at].reference).chain(beyond).collect()
    }

    /// Adds the way from an event to its root: `most` events at either end.
    fn way(&self, shown: &mut Shown, at: NodeIndex, most: usize) {
        let above = || std::iter::successors(self.parents[at.index()], |at| self.parents[at.index()]);
        let length = above().count();
        let ends = above().enumerate().filter(|(n, _)| *n < most || *n >= length.saturating_sub(most));
        ends.for_each(|(_, at)| shown.add(at));
    }

    /// The nearest effects of some events, level by level and in the order of time.
    fn effects(&self, of: &[NodeIndex]) -> BTreeSet<NodeIndex> {
        let mut found = BTreeSet::new();
        let mut queue: VecDeque<NodeIndex> = of.iter().copied().collect();
        while let (Some(at), true) = (queue.pop_front(), found.len() < EFFECTS_MAX) {
            let mut next: BTreeSet<NodeIndex> = BTreeSet::new();
            for effect in self.graph.neighbors(at).filter(|effect| !of.contains(effect) && !found.contains(effect)) {
                next.insert(effect);
                if next.len() > EFFECTS_MAX - found.len() {
                    next.pop_last();
                }
            }
            found.extend(&next);
            queue.extend(next);
        }
        found
    }

    /// Everything but the events that are `shown`.
    pub fn sum(&self, shown: &BTreeSet<i64>, names: &Names) -> Summed {
        let with = |resolution: u8| self.graph.node_weights().filter(|point| point.resolution == resolution).count();
        let failed = |point: &&Point| point.failed;
        let hidden = |point: &&Point| !shown.contains(&point.reference);
        let (groups, group_count) = self.groups(shown, names);
        Summed {
            groups,
            group_count,
            ways: self.ways(shown),
            events: self.graph.node_weights().filter(hidden).count(),
            failures: self.graph.node_weights().filter(failed).count(),
            failures_hidden: self.graph.node_weights().filter(failed).filter(hidden).count(),
            orphaned: with(ORPHANED),
            waiting: with(WAITING),
            outside: self.outside,
            absent: self.absent.iter().copied().collect(),
            cut: self.cut,
            shape: self.shape.clone(),
        }
    }

    /// From each event that is shown, and whose cause is not, the way to the next above it that is.
    fn ways(&self, shown: &BTreeSet<i64>) -> Vec<Way> {
        let is_shown = |at: NodeIndex| shown.contains(&self.graph[at].reference);
        let certain = |cause: NodeIndex, effect: NodeIndex| {
            let mut edges = self.graph.edges_directed(effect, Direction::Incoming);
            edges.any(|edge| edge.source() == cause && edge.weight().certain())
        };
        let mut ways = Vec::new();
        for &effect in shown {
            let Some(start) = self.at(effect) else { continue };
            let (mut at, mut skipped, mut sure) = (start, 0, true);
            while let Some(parent) = self.parents[at.index()] {
                sure &= certain(parent, at);
                at = parent;
                if is_shown(at) {
                    break;
                }
                skipped += 1;
            }
            if skipped > 0 && is_shown(at) && at != start {
                ways.push(Way { effect, cause: self.graph[at].reference, skipped, certain: sure });
            }
        }
        ways
    }

    fn groups(&self, shown: &BTreeSet<i64>, names: &Names) -> (Vec<Group>, usize) {
        let range = self.shape.levels.div_ceil(RANGES_MAX).max(1);
        let mut topics: Vec<(&str, &str)> = Vec::new();
        let mut topic_of: HashMap<i64, usize> = HashMap::new();
        for (ordinal, place) in &names.places {
            let name = (place.cluster.as_str(), place.topic.as_str());
            let at = topics.iter().position(|topic| *topic == name).unwrap_or(topics.len());
            if at == topics.len() {
                topics.push(name);
            }
            topic_of.insert(*ordinal, at);
        }
        let mut sums: HashMap<(usize, Option<usize>, Option<&str>), Sum> = HashMap::new();
        for (at, point) in self.graph.node_weights().enumerate() {
            if shown.contains(&point.reference) {
                continue;
            }
            let topic = topic_of.get(&ordinal(point.reference)).copied();
            let event_type = names.types.get(&i64::from(point.profile)).map(String::as_str);
            let key = (self.layers.level[at] as usize / range, topic, event_type);
            sums.entry(key).or_insert_with(|| Sum::new(point.time)).add(point);
        }
        let count = sums.len();
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_unstable_by_key(|(key, sum)| (sum.failures == 0, std::cmp::Reverse(sum.events), *key));
        sums.truncate(GROUPS_MAX);
        sums.sort_unstable_by_key(|(key, sum)| (key.0, std::cmp::Reverse(sum.events), *key));
        let group = |((bucket, topic, event_type), sum): ((usize, Option<usize>, Option<&str>), Sum)| {
            let (cluster, topic) = topic.map_or(("", ""), |at| topics[at]);
            Group {
                level: bucket * range,
                last_level: ((bucket + 1) * range).min(self.shape.levels) - 1,
                cluster: cluster.to_owned(),
                topic: topic.to_owned(),
                event_type: event_type.map(str::to_owned),
                events: sum.events,
                failures: sum.failures,
                first: sum.first,
                last: sum.last,
            }
        };
        (sums.into_iter().map(group).collect(), count)
    }
}

struct Shown {
    is: BTreeSet<NodeIndex>,
}

impl Shown {
    fn add(&mut self, at: NodeIndex) {
        if self.is.len() < SHOWN_MAX {
            self.is.insert(at);
        }
    }
}

struct Sum {
    events: usize,
    failures: usize,
    first: Timestamp,
    last: Timestamp,
}

impl Sum {
    fn new(time: Timestamp) -> Self {
        Self { events: 0, failures: 0, first: time, last: time }
    }

    fn add(&mut self, point: &Point) {
        self.events += 1;
        self.failures += usize::from(point.failed);
        self.first = self.first.min(point.time);
        self.last = self.last.max(point.time);
    }
}

fn ordinal(reference: i64) -> i64 {
    i64::from(EventRef(reference).ordinal().0)
}

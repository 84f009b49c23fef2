//! The graph of one conversation, and the forest that a person can read.

use super::graph::{Facts, Layers, Parents, Shape, depths, parents};
use super::json::TraceTables;
use super::rows::{Duplicate, RowError, TraceEdge, TraceFailure, TraceNode};
use super::skeleton::{Summed, Way};
use crate::event::{Evidence, Timestamp};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::collections::{BTreeMap, HashMap};

#[cfg(test)]
pub(super) mod tests;

/// One drawn event, or several retries of one failure folded into one.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The events, in time order; more than one only for retries.
    pub events: Vec<NodeIndex>,
    /// The branch that caused it.
    pub parent: Option<usize>,
    /// Why that is believed.
    pub evidence: Option<Link>,
    /// The branches it caused, in time order.
    pub children: Vec<usize>,
    /// Further causes: an event can have more than one.
    pub also: Vec<Further>,
}

/// Why one event is drawn under another.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Name of the evidence.
    pub evidence: String,
    /// `declared`, `transactional` or `inferred`.
    pub class: String,
    /// 1 when certain.
    pub confidence: f64,
    /// Events between the two, where this stands for the way between them in a conversation that is summed up.
    pub skipped: usize,
}

/// A cause under which an event is not drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Further {
    /// The cause.
    pub cause: i64,
    /// Why it is believed.
    pub link: Link,
    /// The cause is at the same time an effect: the edge closes a circle, and is cut here.
    pub circle: bool,
}

impl Link {
    /// A way over events that are not there.
    fn over(way: &Way) -> Self {
        let class = if way.certain { "declared" } else { "inferred" };
        Self { evidence: "way".to_owned(), class: class.to_owned(), confidence: 1.0, skipped: way.skipped }
    }
}

/// How a conversation ended, as far as the records tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// These groups gave up on an event.
    Failed(Vec<String>),
    /// These groups are still trying.
    Retrying(Vec<String>),
    /// Everything that failed succeeded later.
    Healed,
    /// Nothing failed, but so many events have lost their cause.
    Orphaned(usize),
    /// Nothing failed, but so many events still wait for their cause.
    Waiting(usize),
    /// No failure was seen.
    NoFailure,
}

/// One conversation.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Events, and edges from cause to effect.
    pub graph: DiGraph<TraceNode, Link>,
    /// The forest; children follow `parent` indices.
    pub branches: Vec<Branch>,
    /// Branches to draw from: the beginning of the conversation.
    pub roots: Vec<usize>,
    /// True when an event says itself that it is the root.
    pub root_known: bool,
    /// Branches without a path to a root.
    pub detached: Vec<usize>,
    /// Failures by the ref of their record, in time order within one record.
    pub failures: BTreeMap<i64, Vec<TraceFailure>>,
    /// The failure record that came first.
    pub first_failure: Option<i64>,
    /// Edges whose cause or effect is not among the events.
    pub edges_outside: usize,
    /// Retention has deleted events that this conversation began with: all up to this time, on their partitions. Set by
    /// whoever asked.
    pub deleted_before: Option<Timestamp>,
    /// The failures are shown as they stood then; `None` for now. Set by whoever asked.
    pub as_of: Option<Timestamp>,
    /// Events that came again, by ref. Set by whoever asked.
    pub again: BTreeMap<i64, Duplicate>,
    /// What the graph is like as a whole; of a conversation that is summed up, with all that is not in `graph`.
    pub shape: Shape,
    /// Of a conversation that is too large to be read whole: what is not in `graph`.
    pub summed: Option<Summed>,
    by_ref: HashMap<i64, NodeIndex>,
}

impl Conversation {
    /// Builds the graph and its forest. Every event is drawn once: under the strongest evidence, then the earliest
    /// cause. Takes time linear in events and edges (besides sorting), and recurses nowhere.
    pub fn new(nodes: Vec<TraceNode>, edges: Vec<TraceEdge>, failures: Vec<TraceFailure>) -> Self {
        Self::with(nodes, edges, failures, None)
    }

    /// Reads the answers that it is made of.
    ///
    /// # Errors
    /// An answer without the columns that it should have.
    pub fn read(tables: &TraceTables) -> Result<Self, RowError> {
        let nodes = TraceNode::from_table(&tables.nodes)?;
        let edges = TraceEdge::from_table(&tables.edges)?;
        Ok(Self::with(nodes, edges, TraceFailure::from_table(&tables.failures)?, tables.summed.clone()))
    }

    fn with(
        mut nodes: Vec<TraceNode>,
        edges: Vec<TraceEdge>,
        failures: Vec<TraceFailure>,
        summed: Option<Summed>,
    ) -> Self {
        nodes.sort_by_key(|node| (node.time, node.reference));
        let mut graph = DiGraph::with_capacity(nodes.len(), edges.len());
        let mut by_ref = HashMap::with_capacity(nodes.len());
        for node in nodes {
            by_ref.entry(node.reference).or_insert_with_key(|_| graph.add_node(node));
        }
        let outside = connect(&mut graph, &by_ref, edges);
        let shape = match &summed {
            Some(summed) => summed.shape.clone(),
            None => Shape::of(&graph, &Layers::of(&graph), &Told),
        };
        summed.iter().flat_map(|summed| &summed.ways).for_each(|way| {
            if let (Some(&cause), Some(&effect)) = (by_ref.get(&way.cause), by_ref.get(&way.effect)) {
                graph.add_edge(cause, effect, Link::over(way));
            }
        });
        let edges_outside = summed.as_ref().map_or(outside, |summed| summed.outside);
        let (failures, first_failure) = by_record(&graph, &by_ref, failures);
        let (parents, circles) = parents(&graph, strength);
        let folds = folds(&graph, &failures, &parents);
        let branches = branches(&graph, &parents, &circles, &folds);
        let mut conversation = Self {
            graph,
            branches,
            roots: Vec::new(),
            root_known: false,
            detached: Vec::new(),
            failures,
            first_failure,
            edges_outside,
            deleted_before: None,
            as_of: None,
            again: BTreeMap::new(),
            shape,
            summed,
            by_ref,
        };
        conversation.find_roots();
        conversation
    }

    /// The event under `reference`.
    pub fn event(&self, reference: i64) -> Option<&TraceNode> {
        self.by_ref.get(&reference).map(|&at| &self.graph[at])
    }

    /// How many events it has, those that are summed up included.
    pub fn events(&self) -> usize {
        self.shape.events
    }

    /// True when the earliest event names no cause: as near to a root as records that do not call themselves one come.
    pub fn begins_unlinked(&self) -> bool {
        self.roots.first().is_some_and(|&root| self.head(root).resolution == "unlinked")
    }

    /// The first event of a branch.
    pub fn head(&self, branch: usize) -> &TraceNode {
        &self.graph[self.branches[branch].events[0]]
    }

    /// How it ended. One verdict per (failed record, group): its retries, dead letter and healing together.
    pub fn outcome(&self) -> Outcome {
        let groups = |state: &str| {
            let mut groups: Vec<String> =
                self.failures.values().flatten().filter(|f| f.state == state).map(TraceFailure::group).collect();
            groups.sort();
            groups.dedup();
            groups
        };
        let (dead, retrying) = (groups("dead"), groups("retrying"));
        if !dead.is_empty() {
            return Outcome::Failed(dead);
        }
        if !retrying.is_empty() {
            return Outcome::Retrying(retrying);
        }
        if !self.failures.is_empty() {
            return Outcome::Healed;
        }
        let with = |resolution: &str| self.graph.node_weights().filter(|n| n.resolution == resolution).count();
        let open = match &self.summed {
            Some(summed) => (summed.orphaned, summed.waiting),
            None => (with("orphaned"), with("waiting")),
        };
        match open {
            (0, 0) => Outcome::NoFailure,
            (0, waiting) => Outcome::Waiting(waiting),
            (orphaned, _) => Outcome::Orphaned(orphaned),
        }
    }

    /// First and last time of its events.
    pub fn window(&self) -> Option<(Timestamp, Timestamp)> {
        let mut times = self.graph.node_weights().map(|node| node.time);
        let first = times.next()?;
        Some((first, times.last().unwrap_or(first)))
    }

    /// The conversation begins with the events that say they are the root. Where none does, with the earliest event
    /// that has effects, else the earliest of all; whatever cannot be reached from there is detached.
    fn find_roots(&mut self) {
        let tops = (0..self.branches.len()).filter(|&at| self.branches[at].parent.is_none());
        let (mut roots, mut detached): (Vec<usize>, Vec<usize>) =
            tops.partition(|&at| self.head(at).resolution == "root");
        self.root_known = !roots.is_empty();
        if roots.is_empty() && !detached.is_empty() {
            let begin = detached.iter().position(|&at| !self.branches[at].children.is_empty()).unwrap_or(0);
            roots.push(detached.remove(begin));
        }
        self.detached = detached;
        self.roots = roots;
    }
}

/// Nodes and edges as they were told.
struct Told;

impl Facts<TraceNode, Link> for Told {
    fn event(&self, event: &TraceNode) -> (i64, Timestamp) {
        (event.reference, event.time)
    }

    fn certain(&self, edge: &Link) -> bool {
        edge.class != "inferred"
    }
}

/// Adds the edges whose ends are both known; says how many are not.
fn connect(graph: &mut DiGraph<TraceNode, Link>, by_ref: &HashMap<i64, NodeIndex>, mut edges: Vec<TraceEdge>) -> usize {
    edges.sort_by(|a, b| (a.effect, a.cause, &a.evidence).cmp(&(b.effect, b.cause, &b.evidence)));
    let mut outside = 0;
    for edge in edges {
        match (by_ref.get(&edge.cause), by_ref.get(&edge.effect)) {
            (Some(&cause), Some(&effect)) => {
                let link = Link { evidence: edge.evidence, class: edge.class, confidence: edge.confidence, skipped: 0 };
                graph.add_edge(cause, effect, link);
            }
            _ => outside += 1,
        }
    }
    outside
}

/// Failures by the record that is their evidence, and the earliest such record.
fn by_record(
    graph: &DiGraph<TraceNode, Link>,
    by_ref: &HashMap<i64, NodeIndex>,
    failures: Vec<TraceFailure>,
) -> (BTreeMap<i64, Vec<TraceFailure>>, Option<i64>) {
    let mut map: BTreeMap<i64, Vec<TraceFailure>> = BTreeMap::new();
    for failure in failures {
        map.entry(failure.reference).or_default().push(failure);
    }
    let first = map.keys().filter_map(|r| by_ref.get(r)).min().map(|&at| graph[at].reference);
    (map, first)
}

/// Strength of an edge, smaller is stronger: the order of [`Evidence`], and after it whatever a newer tap may write.
fn strength(link: &Link) -> usize {
    Evidence::ALL.iter().position(|e| e.as_str() == link.evidence).unwrap_or(Evidence::ALL.len())
}

/// What one consumer group did with one record: the retries of this are one line.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Attempted<'a> {
    origin: (Option<i64>, Option<&'a str>, Option<i64>, Option<i64>),
    group: String,
}

/// For every retry the event that stands for it: the one nearest to the root, so that folding cannot make a circle.
fn folds(
    graph: &DiGraph<TraceNode, Link>,
    failures: &BTreeMap<i64, Vec<TraceFailure>>,
    parents: &Parents,
) -> HashMap<NodeIndex, NodeIndex> {
    let mut sets: BTreeMap<Attempted<'_>, Vec<NodeIndex>> = BTreeMap::new();
    for at in graph.node_indices() {
        let Some(failure) = failures.get(&graph[at].reference).and_then(|all| all.first()) else { continue };
        let named = failure.origin.is_some() || failure.origin_offset.is_some();
        if failure.kind == "retry" && named {
            let origin = match failure.origin {
                Some(origin) => (Some(origin), None, None, None),
                None => (None, failure.origin_topic.as_deref(), failure.origin_partition, failure.origin_offset),
            };
            sets.entry(Attempted { origin, group: failure.group() }).or_default().push(at);
        }
    }
    let depth = depths(parents);
    let mut folds = HashMap::new();
    for set in sets.into_values().filter(|set| set.len() > 1) {
        let Some(&head) = set.iter().min_by_key(|at| (depth[at.index()], **at)) else { continue };
        folds.extend(set.into_iter().map(|at| (at, head)));
    }
    folds
}

fn branches(
    graph: &DiGraph<TraceNode, Link>,
    parents: &Parents,
    circles: &HashMap<NodeIndex, NodeIndex>,
    folds: &HashMap<NodeIndex, NodeIndex>,
) -> Vec<Branch> {
    let head = |at: NodeIndex| folds.get(&at).copied().unwrap_or(at);
    let mut branch_of: HashMap<NodeIndex, usize> = HashMap::with_capacity(parents.len());
    let mut branches: Vec<Branch> = Vec::with_capacity(parents.len());
    for at in graph.node_indices().filter(|&at| head(at) == at) {
        branch_of.insert(at, branches.len());
        branches.push(Branch {
            events: vec![at],
            parent: None,
            evidence: None,
            children: Vec::new(),
            also: Vec::new(),
        });
    }
    for at in graph.node_indices() {
        let own = branch_of[&head(at)];
        if head(at) != at {
            branches[own].events.push(at);
        } else if let Some(parent) = parents[at.index()] {
            let parent = branch_of[&head(parent)];
            branches[own].parent = Some(parent);
            branches[parent].children.push(own);
        }
        let (evidence, also) = causes(graph, at, parents[at.index()], circles.get(&at).copied());
        if head(at) == at {
            branches[own].evidence = evidence;
        }
        branches[own].also.extend(also);
    }
    for branch in &mut branches {
        branch.events.sort();
        branch.also.dedup_by(|a, b| a.cause == b.cause);
    }
    branches
}

/// The link to the cause that an event is drawn under, and all other causes, strongest first.
fn causes(
    graph: &DiGraph<TraceNode, Link>,
    at: NodeIndex,
    parent: Option<NodeIndex>,
    circle: Option<NodeIndex>,
) -> (Option<Link>, Vec<Further>) {
    let mut edges: Vec<_> = graph.edges_directed(at, Direction::Incoming).collect();
    edges.sort_by_key(|edge| (strength(edge.weight()), edge.source()));
    let mut evidence = None;
    let mut also: Vec<Further> = Vec::new();
    for edge in edges {
        let link = edge.weight().clone();
        if Some(edge.source()) == parent {
            evidence.get_or_insert(link);
        } else {
            let circle = circle == Some(edge.source()) || edge.source() == at;
            also.push(Further { cause: graph[edge.source()].reference, link, circle });
        }
    }
    (evidence, also)
}

//! What is drawn of one conversation as a graph, before a language is chosen: a bounded part of its forest, the further
//! causes between what is drawn, and a box for what is left out.

use super::attempts;
use super::conversation::{Conversation, Link};
use super::outline::{self, Line};
use super::style;
use super::tree;
use std::collections::{BTreeSet, HashMap};

mod dot;
mod mermaid;
#[cfg(test)]
mod tests;

pub use dot::render as dot;
pub use mermaid::render as mermaid;

/// Columns of one line of a box: names and errors are cut, coordinates are not.
const LABEL_MAX: usize = 64;
/// Further causes drawn beside the tree; mermaid draws at most 500 edges, and refuses a graph with more.
const FURTHER_MAX: usize = 200;

/// How a box looks: every look has a shape, a glyph and a word of its own, so that colour only adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Event,
    Dead,
    Retrying,
    Healed,
    Orphaned,
    Waiting,
    LeftOut,
}

/// How an edge looks: the three classes of evidence are drawn apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stroke {
    Declared,
    Transactional,
    Inferred,
    /// To a box that stands for what is left out.
    LeftOut,
}

/// One box.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    look: Look,
    lines: Vec<String>,
}

/// One arrow from cause to effect.
#[derive(Debug, Clone, PartialEq)]
struct Edge {
    from: usize,
    to: usize,
    stroke: Stroke,
    label: String,
}

/// The part of a conversation that is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
struct Drawing {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// What is not drawn, in words.
    left_out: Option<String>,
}

impl Drawing {
    /// Of at most `most` branches of `conversation`: those that were `asked` for and that failed first.
    fn of(conversation: &Conversation, asked: &[i64], most: usize) -> Self {
        let shown = outline::choose_of(conversation, asked, most);
        let tops: Vec<usize> = conversation.roots.iter().chain(&conversation.detached).copied().collect();
        let lines = outline::lines(conversation, &shown, &tops);
        let mut drawing = Self::default();
        let mut number: HashMap<usize, usize> = HashMap::with_capacity(lines.len());
        let mut open: Vec<usize> = Vec::new();
        for line in &lines {
            open.truncate(line.depth);
            let at = drawing.add(node(conversation, line.branch, asked));
            number.insert(line.branch, at);
            if let Some(&above) = open.last() {
                drawing.link(conversation, line, (above, at));
            }
            if let Some(hidden) = &line.hidden {
                let text = tree::more(hidden);
                let box_of_them = drawing.add(Node { look: Look::LeftOut, lines: vec![text] });
                let edge = Edge { from: at, to: box_of_them, stroke: Stroke::LeftOut, label: String::new() };
                drawing.edges.push(edge);
            }
            open.push(at);
        }
        drawing.further(conversation, &number);
        drawing.left_out = left_out(conversation, lines.len());
        drawing
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The edge that a line hangs on, or the way over what is left out above it.
    fn link(&mut self, conversation: &Conversation, line: &Line, (from, to): (usize, usize)) {
        let skipped = line.skipped;
        let edge = match &conversation.branches[line.branch].evidence {
            Some(link) if skipped == 0 => Edge { from, to, stroke: stroke(link), label: tree::evidence(link) },
            _ => {
                let label = format!("by way of {}, not drawn", style::plural(skipped as i64, "event"));
                Edge { from, to, stroke: Stroke::LeftOut, label }
            }
        };
        self.edges.push(edge);
    }

    /// Causes beside those of the tree, between boxes that are drawn.
    fn further(&mut self, conversation: &Conversation, number: &HashMap<usize, usize>) {
        let mut of_event: HashMap<i64, usize> = HashMap::new();
        for (&branch, &at) in number {
            let events = &conversation.branches[branch].events;
            of_event.extend(events.iter().map(|&event| (conversation.graph[event].reference, at)));
        }
        let mut branches: Vec<(usize, usize)> = number.iter().map(|(&branch, &at)| (at, branch)).collect();
        branches.sort_unstable();
        let mut known: BTreeSet<(usize, usize)> = self.edges.iter().map(|edge| (edge.from, edge.to)).collect();
        let mut left = FURTHER_MAX;
        for (to, branch) in branches {
            for further in &conversation.branches[branch].also {
                let Some(&from) = of_event.get(&further.cause) else { continue };
                if left == 0 || !known.insert((from, to)) {
                    continue;
                }
                left -= 1;
                let circle = if further.circle { "circle: " } else { "" };
                let label = format!("{circle}{}", tree::evidence(&further.link));
                self.edges.push(Edge { from, to, stroke: stroke(&further.link), label });
            }
        }
    }
}

fn stroke(link: &Link) -> Stroke {
    match link.class.as_str() {
        "inferred" => Stroke::Inferred,
        "transactional" => Stroke::Transactional,
        _ => Stroke::Declared,
    }
}

/// How much of the conversation is not drawn; `None` when all of it is.
fn left_out(conversation: &Conversation, drawn: usize) -> Option<String> {
    let all = conversation.branches.len();
    let summed = conversation.summed.is_some();
    if drawn >= all && !summed {
        return None;
    }
    let (drawn, events) = (style::count(drawn as i64), style::plural(conversation.events() as i64, "event"));
    let of = if summed { "a conversation that is summed up, " } else { "" };
    Some(format!("{drawn} boxes are drawn of {of}{events}; headwater trace --json has every event that is shown"))
}

fn node(conversation: &Conversation, branch: usize, asked: &[i64]) -> Node {
    let events = &conversation.branches[branch].events;
    let head = conversation.head(branch);
    let failure = conversation.failures.get(&head.reference).and_then(|all| all.first());
    let state = failure.map(|failure| failure.state.as_str());
    let (look, word) = match (state, head.resolution.as_str()) {
        (Some("healed"), _) => (Look::Healed, "✓ healed"),
        (Some("retrying"), _) => (Look::Retrying, "↻ retrying"),
        (Some(_), _) if failure.is_some_and(|failure| failure.kind == "retry") => (Look::Dead, "✗ failed"),
        (Some(_), _) => (Look::Dead, "✗ gave up"),
        (None, "orphaned") => (Look::Orphaned, "? orphaned"),
        (None, "waiting") => (Look::Waiting, "… waiting"),
        (None, _) => (Look::Event, ""),
    };
    let name = style::fit(&outline::name(conversation, branch), LABEL_MAX);
    let kind = match head.kind.as_str() {
        kind @ ("dead_letter" | "retry" | "fault") if events.len() > 1 => {
            format!("{} × {}: ", style::words(kind), events.len())
        }
        kind @ ("dead_letter" | "retry" | "fault") => format!("{}: ", style::words(kind)),
        _ => String::new(),
    };
    let mut lines = vec![format!("{kind}{name}"), tree::coordinates(head)];
    if let Some(failure) = failure {
        lines.push(format!("{word} in {}", style::fit(&failure.in_group(), LABEL_MAX)));
        let error = tree::what(failure.error_class.as_deref(), failure.error_message.as_deref());
        lines.extend(error.map(|error| style::fit(&error, LABEL_MAX)));
        if let (Some(by), "healed") = (failure.healed_by, failure.state.as_str()) {
            lines.push(format!("healed by {}", attempts::place(conversation, by)));
        }
    } else if !word.is_empty() {
        let reason = head.orphan_reason.as_deref().map(|reason| format!(": {}", style::words(reason)));
        lines.push(format!("{word}{}", reason.unwrap_or_default()));
    }
    if events.iter().any(|&event| asked.contains(&conversation.graph[event].reference)) {
        lines.push("asked for".to_owned());
    }
    Node { look, lines }
}

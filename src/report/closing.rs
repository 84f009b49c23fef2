//! What stands under the tree of a conversation: groups, the first failure, what was not seen, what to type next.

use super::conversation::Conversation;
use super::graph::{Hop, Shape};
use super::rows::{CoverageLine, PassageRow, TraceFailure};
use super::seen::Seen;
use super::style::{self, Style, Tone};
use super::tree::{self, Question};
use crate::event::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Groups named on the line of groups.
const GROUPS_MAX: usize = 24;
/// From a cause to its effect.
const ARROW: &str = "→";
/// Hops from which on a chain is told: shorter ones are read off the tree.
const PATH_FROM: usize = 3;
/// Hops that are all named.
const PATH_SHOWN: usize = 5;
/// Events from which on levels are told: of fewer, the tree shows them.
const SHAPE_FROM: usize = 30;
/// Columns for one name.
const NAME_MAX: usize = 48;

/// How one group stands on a conversation; the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Committed beyond every event that it reads.
    Passed,
    /// Not known.
    Unknown,
    /// Not committed beyond all of them.
    NotReached,
    /// Failed, and tries again.
    Retrying,
    /// Failed, and gave up.
    GaveUp,
}

impl Standing {
    /// Its tone, and its glyph and word.
    pub fn look(self) -> (Tone, &'static str) {
        match self {
            Self::Passed => (Tone::Good, "✓ passed"),
            Self::Unknown => (Tone::Faint, "? not known"),
            Self::NotReached => (Tone::Warn, "… not reached"),
            Self::Retrying => (Tone::Warn, "↻ retrying"),
            Self::GaveUp => (Tone::Bad, "✗ gave up"),
        }
    }
}

/// The lines under the tree.
pub(super) fn render(conversation: &Conversation, question: &Question<'_>, style: &Style) -> String {
    let mut out = String::new();
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "  {} {text}", style.paint(Tone::Faint, &style::left(name, 8)));
    };
    if let Some(first) = first_failure(conversation) {
        line("failed", &first);
    }
    line("groups", &groups(conversation, question.passage, style));
    if let Some(path) = path(conversation, ARROW) {
        line("path", &path);
    }
    if conversation.events() >= SHAPE_FROM {
        line("shape", &shape(&conversation.shape));
    }
    cycles(conversation, ARROW).iter().for_each(|cycle| line("cycle", cycle));
    if conversation.edges_outside > 0 {
        let edges = style::plural(conversation.edges_outside as i64, "cause");
        line("beyond", &format!("{edges} outside of what was read for this answer"));
    }
    if let Some(before) = conversation.deleted_before {
        line("deleted", &deleted(before));
    }
    line("seen", &seen(conversation, question.coverage).sentence());
    let begins_here = conversation.root_known || conversation.begins_unlinked();
    if !begins_here && conversation.deleted_before.is_none() && conversation.graph.node_count() > 0 {
        line("root", "not known: no event of this conversation says that it is the first");
    }
    out
}

/// The chain of causes and effects that ended last, and where its time went: all hops, or those that took longest.
/// `to` stands between cause and effect.
pub fn path(conversation: &Conversation, to: &str) -> Option<String> {
    let shape = &conversation.shape;
    if shape.hops < PATH_FROM {
        return None;
    }
    let name = |hop: &Hop| match conversation.event(hop.reference) {
        Some(event) if matches!(event.kind.as_str(), "dead_letter" | "retry") => style::words(&event.kind),
        Some(event) => style::fit(event.event_type.as_ref().unwrap_or(&event.topic), NAME_MAX),
        None => format!("ref {}", hop.reference),
    };
    let step = |hop: &Hop| format!("{} {}", name(hop), after(hop.after_us));
    let whole = format!("{} in {} hops", style::span(shape.chain_us), style::count(shape.hops as i64));
    if shape.hops <= PATH_SHOWN {
        let steps: Vec<String> = shape.chain.iter().skip(1).map(step).collect();
        let first = shape.chain.first().map(name).unwrap_or_default();
        return Some(format!("{whole}: {first} {to} {}", steps.join(&format!(" {to} "))));
    }
    let place = |hop: &Hop| conversation.event(hop.reference).map(tree::coordinates).unwrap_or_default();
    let slow: Vec<String> = shape.slowest.iter().map(|hop| step(hop) + " at " + &place(hop)).collect();
    Some(format!("{whole}; slowest: {}", slow.join(", ")))
}

fn after(us: i64) -> String {
    let span = style::span(us);
    if span.starts_with('-') { span } else { format!("+{span}") }
}

/// Levels, the widest of them, and events with several causes.
pub fn shape(shape: &Shape) -> String {
    let levels = style::plural(shape.levels as i64, "level");
    let widest = style::count(shape.widest_level as i64);
    let events = style::plural(shape.widest_events as i64, "event");
    let joining = match shape.joining {
        0 => String::new(),
        1 => "; 1 event has several causes".to_owned(),
        n => format!("; {} events have several causes", style::count(n as i64)),
    };
    format!("{levels}, the widest is level {widest} with {events}{joining}")
}

/// Events that cause each other, one line a set of them; `to` stands between cause and effect.
pub fn cycles(conversation: &Conversation, to: &str) -> Vec<String> {
    let Shape { cycles, cycle_count, .. } = &conversation.shape;
    let place = |at: &i64| conversation.event(*at).map_or_else(|| format!("ref {at}"), tree::coordinates);
    let line = |cycle: &Vec<i64>| {
        let way: Vec<String> = cycle.iter().chain(cycle.first()).map(place).collect();
        let said = match cycle.len() {
            1 => "names itself as its cause",
            _ => "each is named as a cause of the next",
        };
        format!("{}: {said}", way.join(&format!(" {to} ")))
    };
    let mut lines: Vec<String> = cycles.iter().map(line).collect();
    if *cycle_count > cycles.len() {
        lines.push(format!("and {} more", style::count((cycle_count - cycles.len()) as i64)));
    }
    lines
}

/// What retention took from a conversation, as a sentence.
pub fn deleted(before: Timestamp) -> String {
    let time = style::rfc3339(before.0);
    format!("begins before {time}: events before it were deleted by retention")
}

/// Coverage of the topics that the conversation lies on.
pub(super) fn seen(conversation: &Conversation, coverage: &[CoverageLine]) -> Seen {
    let topics: BTreeSet<(&str, &str)> =
        conversation.graph.node_weights().map(|node| (node.cluster.as_str(), node.topic.as_str())).collect();
    // Of a conversation that is summed up, the topics that are not shown count too: it was asked for all of them.
    let all = conversation.summed.is_some();
    Seen::of(coverage, |line| all || topics.contains(&(line.cluster.as_str(), line.topic.as_str())))
}

fn first_failure(conversation: &Conversation) -> Option<String> {
    let reference = conversation.first_failure?;
    let record = conversation.event(reference)?;
    let failure: &TraceFailure = conversation.failures.get(&reference)?.first()?;
    let group = style::fit(&failure.in_group(), NAME_MAX);
    let after = style::span(record.time.since(tree::start(conversation)));
    let first = match failure.origin.and_then(|origin| conversation.event(origin)) {
        Some(origin) => {
            let name = origin.event_type.as_ref().unwrap_or(&origin.topic);
            format!("first on {} {} in {group}", style::fit(name, NAME_MAX), tree::coordinates(origin))
        }
        None => format!("first seen as {} in {group}", tree::coordinates(record)),
    };
    Some(format!("{first}, {after} after the start"))
}

fn groups(conversation: &Conversation, passage: &[PassageRow], style: &Style) -> String {
    let standings = standings(conversation, passage);
    if standings.is_empty() {
        return "no consumer group was seen on these topics".to_owned();
    }
    let mut texts: Vec<String> = standings
        .iter()
        .take(GROUPS_MAX)
        .map(|(group, standing)| {
            let (tone, words) = standing.look();
            format!("{} {}", style::fit(group, NAME_MAX), style.paint(tone, words))
        })
        .collect();
    if standings.len() > GROUPS_MAX {
        texts.push(format!("and {} more groups", standings.len() - GROUPS_MAX));
    }
    texts.join("  ")
}

/// A group has passed the conversation when it has passed every event of it that it reads.
pub fn standings(conversation: &Conversation, passage: &[PassageRow]) -> BTreeMap<String, Standing> {
    let mut standings: BTreeMap<String, Standing> = BTreeMap::new();
    let mut worst = |group: &str, standing: Standing| {
        let known = standings.entry(group.to_owned()).or_insert(standing);
        *known = standing.max(*known);
    };
    for row in passage {
        worst(
            &row.consumer_group,
            match row.state.as_str() {
                "passed" => Standing::Passed,
                "unknown" => Standing::Unknown,
                _ => Standing::NotReached,
            },
        );
    }
    for failure in conversation.failures.values().flatten() {
        match failure.state.as_str() {
            "dead" => worst(&failure.group(), Standing::GaveUp),
            "retrying" => worst(&failure.group(), Standing::Retrying),
            _ => {}
        }
    }
    standings
}

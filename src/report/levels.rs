//! What is not drawn of a conversation that is too large: its levels as a table, and in one sentence how much that is.

use super::conversation::Conversation;
use super::skeleton::{Group, SKELETON_MAX, Summed};
use super::style::{self, Style, Tone};
use super::{text, tree};
use crate::event::{Timestamp, clean};
use std::fmt::Write;

/// Groups on one screen.
const GROUPS_SHOWN: usize = 30;
/// Columns for a type or a topic.
const NAME_MAX: usize = 36;

/// The table under the tree; `reach` is what a command needs to reach the same database.
pub(super) fn render(conversation: &Conversation, summed: &Summed, reach: &str, style: &Style) -> String {
    let start = tree::start(conversation);
    let groups = summed.groups.iter().take(GROUPS_SHOWN);
    let rows: Vec<[String; 7]> = groups.clone().map(|group| cells(group, start)).collect();
    let tones: Vec<Tone> = groups.map(|group| if group.failures > 0 { Tone::Bad } else { Tone::Plain }).collect();
    let mut out = String::from("\n  summed up by level, topic and type (level 0 has no cause):\n");
    out.push_str(&text::grid(&["level", "count", "failed", "first", "last", "topic", "type"], &rows, &tones, style));
    if summed.group_count > rows.len() {
        let more = style::count((summed.group_count - rows.len()) as i64);
        let _ = writeln!(out, "  … and {more} more groups; --json has the {} that matter most", summed.groups.len());
    }
    let _ = writeln!(out, "\n  {}", sentence(summed));
    let member = conversation.graph.node_weights().next().map_or(0, |node| node.reference);
    let _ = writeln!(out, "  all of them: headwater sql \"FROM trace_nodes({member})\"{}", clean(reach));
    out
}

/// How much is not shown.
pub fn sentence(summed: &Summed) -> String {
    let events = style::plural(summed.events as i64, "further event");
    let groups = style::plural(summed.group_count as i64, "group");
    let mut text = format!("{events} in {groups} are summed up");
    if summed.failures_hidden > 0 {
        let (hidden, all) = (style::count(summed.failures_hidden as i64), style::count(summed.failures as i64));
        let _ = write!(text, ", {hidden} of {all} failure records among them");
    }
    if summed.cut {
        let most = style::count(SKELETON_MAX as i64);
        let _ = write!(text, "; the conversation has more than {most} events, of which those are counted");
    }
    text
}

/// The levels of a group, as people write them.
pub fn range(group: &Group) -> String {
    match group.level == group.last_level {
        true => group.level.to_string(),
        false => format!("{}-{}", style::count(group.level as i64), style::count(group.last_level as i64)),
    }
}

fn cells(group: &Group, start: Timestamp) -> [String; 7] {
    let after = |time: Timestamp| {
        let span = style::span(time.since(start));
        if span.starts_with('-') { span } else { format!("+{span}") }
    };
    [
        range(group),
        style::count(group.events as i64),
        if group.failures > 0 { style::count(group.failures as i64) } else { "-".to_owned() },
        after(group.first),
        after(group.last),
        style::fit(&group.topic, NAME_MAX),
        style::fit(group.event_type.as_deref().unwrap_or("-"), NAME_MAX),
    ]
}

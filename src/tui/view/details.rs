//! What is known about the selected event.

use super::paint::{Canvas, Piece, piece};
use crate::report::conversation::Link;
use crate::report::rows::{TraceFailure, TraceNode};
use crate::report::seen::Seen;
use crate::report::skeleton::Group;
use crate::report::style::{self};
use crate::report::{Standing, cycles, levels, path, shape, standings, tree};
use crate::tui::theme::Tone;
use crate::tui::trace::Trace;
use ratatui::layout::Rect;

/// Most lines of the details.
pub const DETAILS_MAX: usize = 200;
/// Columns of the names on the left.
const NAME: usize = 9;
/// Lines of one text.
const LINES_MAX: usize = 12;

/// Draws the details.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, trace: &Trace, framed: bool) {
    let title = match (trace.event(), trace.group()) {
        (Some(event), _) => tree::coordinates(event),
        (None, Some(group)) => format!("{} summed up", style::plural(group.events as i64, "event")),
        (None, None) => return,
    };
    let inside = canvas.pane(area, &[piece(Tone::Strong, title)], (trace.in_details, framed));
    let columns = usize::from(inside.width);
    let lines = match (trace.event(), trace.group()) {
        (Some(event), _) => lines(canvas, trace, event, columns),
        (None, group) => group.map(|group| summed(canvas, trace, group, columns)).unwrap_or_default(),
    };
    let last = lines.len().saturating_sub(usize::from(inside.height));
    let top = trace.details_top.min(last);
    for (row, line) in lines.iter().skip(top).take(usize::from(inside.height)).enumerate() {
        canvas.line(inside, row as u16, line);
    }
    if top < last && inside.height > 0 {
        let row = if framed { area.bottom() - 1 } else { area.y };
        let more = Rect { y: row, height: 1, ..area };
        let said = format!(" {}: Tab, then j ", style::plural((last - top) as i64, "more line"));
        canvas.line_right(Rect { width: more.width.saturating_sub(2), ..more }, 0, &[piece(Tone::Muted, said)]);
    }
}

struct Lines {
    all: Vec<Vec<Piece>>,
    columns: usize,
}

impl Lines {
    /// A name and a text, which goes on below itself where it is long.
    fn add(&mut self, name: &str, tone: Tone, text: &str) {
        let columns = self.columns.saturating_sub(NAME + 1).max(1);
        for (n, part) in wrap(text, columns).into_iter().take(LINES_MAX).enumerate() {
            let name = if n == 0 { name } else { "" };
            self.all.push(vec![piece(Tone::Muted, format!("{} ", style::left(name, NAME))), piece(tone, part)]);
        }
    }
}

fn lines(canvas: &Canvas<'_>, trace: &Trace, event: &TraceNode, columns: usize) -> Vec<Vec<Piece>> {
    let mut lines = Lines { all: Vec::new(), columns };
    if let Some(failure) = trace.failure(event.reference) {
        failed(&mut lines, trace, failure);
    }
    let failed_here = trace.conversation.failures.values().flatten().filter(|f| f.origin == Some(event.reference));
    let mut groups: Vec<String> = failed_here.map(|f| format!("{} ({})", f.group(), f.state)).collect();
    groups.sort();
    groups.dedup();
    if !groups.is_empty() {
        lines.add("failed in", Tone::Fail, &groups.join(", "));
    }
    lines.add("type", Tone::Plain, event.event_type.as_deref().unwrap_or("none given"));
    let identity = trace.identity.get(&event.reference).cloned().unwrap_or_default();
    if let Some(id) = &identity.id {
        lines.add("id", Tone::Plain, id);
    }
    if let Some(source) = &identity.source {
        lines.add("source", Tone::Plain, source);
    }
    lines.add("time", Tone::Plain, &format!("{} UTC", style::date_time(event.time)));
    causes(&mut lines, trace, event);
    passed(canvas, &mut lines, trace);
    let seen = Seen::of(&trace.coverage, |_| true);
    lines.add("seen", Tone::Plain, &seen.sentence());
    if trace.conversation.edges_outside > 0 {
        let text = style::plural(trace.conversation.edges_outside as i64, "cause");
        lines.add("beyond", Tone::Plain, &format!("{text} outside of what was read for this answer"));
    }
    let conversation = &trace.conversation;
    if let Some(path) = path(conversation, canvas.theme.glyphs.to) {
        lines.add("path", Tone::Plain, &path);
    }
    cycles(conversation, canvas.theme.glyphs.to).iter().for_each(|cycle| lines.add("cycle", Tone::Warn, cycle));
    lines.all.truncate(DETAILS_MAX);
    lines.all
}

/// What is known about events that are summed up, and about the conversation as a whole.
fn summed(canvas: &Canvas<'_>, trace: &Trace, group: &Group, columns: usize) -> Vec<Vec<Piece>> {
    let mut lines = Lines { all: Vec::new(), columns };
    lines.add("type", Tone::Plain, group.event_type.as_deref().unwrap_or("none given"));
    lines.add("topic", Tone::Plain, &group.topic);
    lines.add("level", Tone::Plain, &levels::range(group));
    if group.failures > 0 {
        lines.add("failed", Tone::Fail, &style::plural(group.failures as i64, "failure record"));
    }
    lines.add("first", Tone::Plain, &format!("{} UTC", style::date_time(group.first)));
    lines.add("last", Tone::Plain, &format!("{} UTC", style::date_time(group.last)));
    lines.add("shape", Tone::Plain, &shape(&trace.conversation.shape));
    if let Some(path) = path(&trace.conversation, canvas.theme.glyphs.to) {
        lines.add("path", Tone::Plain, &path);
    }
    let member = trace.asked;
    lines.add("all", Tone::Muted, &format!("headwater sql \"FROM trace_nodes({member})\""));
    lines.all
}

fn failed(lines: &mut Lines, trace: &Trace, failure: &TraceFailure) {
    let what = tree::what(failure.error_class.as_deref(), failure.error_message.as_deref());
    lines.add("error", Tone::Fail, what.as_deref().unwrap_or("none given"));
    let attempts = failure.attempt.map(|n| format!(", attempt {n}")).unwrap_or_default();
    let state = format!("{} in {}: {}{attempts}", style::words(&failure.kind), failure.in_group(), failure.state);
    lines.add("failure", if failure.state == "healed" { Tone::Ok } else { Tone::Fail }, &state);
    let origin = match failure.origin.and_then(|origin| trace.conversation.event(origin)) {
        Some(origin) => Some(tree::coordinates(origin)),
        None => match (&failure.origin_topic, failure.origin_partition, failure.origin_offset) {
            (Some(topic), Some(partition), Some(offset)) => {
                let why = failure.concluded().unwrap_or_else(|| "not seen".to_owned());
                Some(format!("{topic}/{partition}/{offset}, {why}"))
            }
            _ => None,
        },
    };
    if let Some(origin) = origin {
        lines.add("failed on", Tone::Plain, &origin);
    }
    if let Some(reason) = &failure.orphan_reason {
        lines.add("orphaned", Tone::Orphan, &style::words(reason));
    }
}

fn causes(lines: &mut Lines, trace: &Trace, event: &TraceNode) {
    let conversation = &trace.conversation;
    let resolution = match &event.orphan_reason {
        Some(reason) => format!("{}: {}", event.resolution, style::words(reason)),
        None => event.resolution.clone(),
    };
    let Some(branch) = trace.branch().map(|at| &conversation.branches[at]) else { return };
    match (branch.parent, &branch.evidence) {
        (Some(parent), Some(link)) => {
            let cause = tree::coordinates(conversation.head(parent));
            lines.add("cause", Tone::Plain, &format!("{cause} by {}, {}", evidence(link), link.class));
        }
        _ => {
            let tone = if event.resolution == "orphaned" { Tone::Orphan } else { Tone::Plain };
            lines.add("cause", tone, &style::words(&resolution));
        }
    }
    for further in branch.also.iter().take(LINES_MAX) {
        let place =
            conversation.event(further.cause).map_or_else(|| format!("ref {}", further.cause), tree::coordinates);
        let circle = if further.circle { ", which closes a circle" } else { "" };
        lines.add("also", Tone::Plain, &format!("{place} by {}{circle}", evidence(&further.link)));
    }
}

/// How the groups stand on the conversation.
fn passed(canvas: &Canvas<'_>, lines: &mut Lines, trace: &Trace) {
    let glyphs = canvas.theme.glyphs;
    let all = standings(&trace.conversation, &trace.passage);
    for (n, (group, standing)) in all.iter().enumerate() {
        let (tone, glyph, word) = match standing {
            Standing::Passed => (Tone::Ok, glyphs.ok, "passed"),
            Standing::Unknown => (Tone::Muted, glyphs.orphan, "not known"),
            Standing::NotReached => (Tone::Warn, glyphs.wait, "not reached"),
            Standing::Retrying => (Tone::Warn, glyphs.retry, "retrying"),
            Standing::GaveUp => (Tone::Fail, glyphs.fail, "gave up"),
        };
        lines.add(if n == 0 { "groups" } else { "" }, tone, &format!("{glyph} {group} {word}"));
    }
}

/// Why an edge is believed.
pub fn evidence(link: &Link) -> String {
    let sure = if link.confidence < 1.0 { format!(", {:.2}", link.confidence) } else { String::new() };
    format!("{}{sure}", style::words(&link.evidence))
}

/// Text in lines of at most `columns`, broken at blanks where there are any.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let text = style::fit(text, columns * LINES_MAX);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    let mut put = |line: &mut String, used: &mut usize| {
        lines.push(std::mem::take(line).trim_end().to_owned());
        *used = 0;
    };
    for word in text.split_inclusive(' ') {
        let wide = style::width(word.trim_end());
        if used > 0 && used + wide > columns {
            put(&mut line, &mut used);
        }
        if wide <= columns {
            line.push_str(word);
            used += style::width(word);
            continue;
        }
        for c in word.chars() {
            let wide = style::width(c.encode_utf8(&mut [0; 4]));
            if used + wide > columns {
                put(&mut line, &mut used);
            }
            line.push(c);
            used += wide;
        }
    }
    put(&mut line, &mut used);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_goes_on_below_itself_and_no_line_is_too_wide() {
        assert_eq!(wrap("no account for customer", 11), ["no account", "for", "customer"]);
        assert_eq!(wrap("aaaaaaaaaaaa", 5), ["aaaaa", "aaaaa", "aa"]);
        assert!(wrap("比萨比萨 比萨 x", 5).iter().all(|line| style::width(line) <= 5));
        assert_eq!(wrap("", 5), [""]);
    }
}

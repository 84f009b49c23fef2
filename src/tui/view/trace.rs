//! Screen 5: one conversation as a tree of causes and effects.

use super::details;
use super::grid::offset;
use super::nothing;
use super::paint::{Canvas, Piece, piece, split, split_at, width};
use crate::event::Timestamp;
use crate::report::conversation::Outcome;
use crate::report::rows::TraceNode;
use crate::report::{levels, style, tree};
use crate::tui::model::Model;
use crate::tui::theme::Tone;
use crate::tui::trace::{GUIDES_MAX, Row, Trace};
use ratatui::layout::Rect;

/// From so many columns on the details stand beside the tree.
const SIDE_BY_SIDE: u16 = 140;
/// Columns of the details, where they stand beside it.
const DETAILS_COLUMNS: u16 = 52;
/// Columns that a label keeps, whatever stands behind it.
const LABEL_MIN: usize = 26;
/// Columns of the notes behind it that are worth more than a place: the place stands in the details too.
const NOTES: usize = 24;
/// Below so many rows nothing is framed.
const COMPACT: u16 = 16;

/// Draws the screen.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let Some(trace) = &model.trace else {
        let why = "no trace yet: Enter on a failure opens its conversation, / finds an event by any ID";
        let place = Rect { y: area.y + 1, height: area.height - 1, ..area };
        return nothing(canvas, place, model.asking.is_none() || model.headline.is_none(), why);
    };
    let (top, rest) = split(area, 1);
    canvas.line(top, 0, &verdict(canvas, trace));
    let (left, right) = match rest.width >= SIDE_BY_SIDE {
        true => split_at(rest, rest.width - DETAILS_COLUMNS),
        false => split(rest, rest.height - (rest.height * 2 / 5).clamp(5, 16)),
    };
    let framed = area.height >= COMPACT;
    let inside = canvas.pane(left, &title(canvas, trace), (!trace.in_details, framed));
    rows(canvas, inside, trace);
    details::draw(canvas, right, trace, framed);
}

/// How it ended, and what it began with.
fn verdict(canvas: &Canvas<'_>, trace: &Trace) -> Vec<Piece> {
    let glyphs = canvas.theme.glyphs;
    let conversation = &trace.conversation;
    let (tone, text) = match conversation.outcome() {
        Outcome::Failed(groups) => (Tone::Fail, format!("{} FAILED at {}", glyphs.fail, groups.join(", "))),
        Outcome::Retrying(groups) => (Tone::Warn, format!("{} RETRYING at {}", glyphs.retry, groups.join(", "))),
        Outcome::Healed => (Tone::Ok, format!("{} HEALED", glyphs.ok)),
        Outcome::Orphaned(n) => (Tone::Orphan, format!("{} {n} ORPHANED, no failure seen", glyphs.orphan)),
        Outcome::Waiting(n) => (Tone::Warn, format!("{} {n} WAITING for a cause", glyphs.wait)),
        Outcome::NoFailure => (Tone::Ok, format!("{} no failure seen", glyphs.ok)),
    };
    let mut line = vec![piece(Tone::Plain, " "), piece(tone, text)];
    let mut also = |text: String| {
        line.push(piece(Tone::Muted, glyphs.dot));
        line.push(piece(Tone::Plain, text));
    };
    if let Some(&root) = conversation.roots.first() {
        let head = conversation.head(root);
        let name = head.event_type.as_deref().unwrap_or(&head.topic);
        let known = conversation.root_known || conversation.begins_unlinked();
        let word = if known { "from" } else { "root not known, earliest" };
        also(format!("{word} {name} {}", clock(head.time)));
    }
    if let Some((first, last)) = conversation.window() {
        let events = style::plural(conversation.events() as i64, "event");
        also(format!("{events} over {}", style::span(last.since(first))));
    }
    line
}

fn title(canvas: &Canvas<'_>, trace: &Trace) -> Vec<Piece> {
    let mut title = vec![piece(Tone::Plain, "causes and effects")];
    if let Some(downstream) = &trace.downstream {
        let marked = format!("{} {}", canvas.theme.glyphs.mark, crate::tui::export::downstream(downstream));
        title.extend([piece(Tone::Muted, canvas.theme.glyphs.dot), piece(Tone::Accent, marked)]);
    }
    if trace.cut {
        title.push(piece(Tone::Warn, format!("{}cut: more events than one answer may have", canvas.theme.glyphs.dot)));
    }
    title
}

/// Time of day to the second.
fn clock(time: Timestamp) -> String {
    let text = style::time_of_day(time);
    text.split('.').next().map_or(text.clone(), str::to_owned)
}

fn rows(canvas: &mut Canvas<'_>, area: Rect, trace: &Trace) {
    let height = usize::from(area.height);
    let first = offset(trace.rows.len(), height, trace.selected);
    let shown: Vec<Line> = trace.rows.iter().skip(first).take(height).map(|row| line(canvas, trace, row)).collect();
    let room = usize::from(area.width).saturating_sub(2);
    let longest = |column: fn(&Line) -> usize| shown.iter().map(column).max().unwrap_or(0);
    let (place, time) = (longest(|l| style::width(&l.place)), longest(|l| style::width(&l.time)));
    let label = longest(|l| width(&l.label)).max(LABEL_MIN);
    let notes = longest(|l| width(&l.notes)).min(NOTES);
    let with_place = room >= label.min(LABEL_MIN + 12) + place + time + notes + 6;
    let used = time + notes + 4 + if with_place { place + 2 } else { 0 };
    let label = label.min(room.saturating_sub(used)).max(LABEL_MIN);
    for (at, line) in shown.iter().enumerate() {
        let mut pieces = vec![piece(Tone::Plain, if line.marked { canvas.theme.glyphs.mark } else { " " })];
        let here = first + at == trace.selected;
        if here {
            pieces[0] = piece(Tone::Accent, canvas.theme.glyphs.cursor);
        }
        pieces.push(piece(Tone::Plain, " "));
        let columns = if line.time.is_empty() { room } else { label };
        pieces.extend(cut(canvas, &line.label, columns));
        if !line.time.is_empty() {
            let gap = label.saturating_sub(width(&line.label));
            pieces.push(piece(Tone::Plain, " ".repeat(gap + 2)));
            if with_place {
                pieces.push(piece(Tone::Plain, format!("{}  ", style::left(&line.place, place))));
            }
            pieces.push(piece(Tone::Muted, format!("{}  ", style::right(&line.time, time))));
            pieces.extend(line.notes.iter().cloned());
        }
        canvas.line(area, at as u16, &pieces);
        if here {
            let look = canvas.theme.selected();
            canvas.paint(Rect { y: area.y + at as u16, height: 1, ..area }, look);
        }
    }
}

/// Pieces cut to so many columns.
fn cut(canvas: &Canvas<'_>, pieces: &[Piece], columns: usize) -> Vec<Piece> {
    let mut left = columns;
    let mut kept = Vec::new();
    for (tone, text) in pieces {
        let text = canvas.fit(text, left);
        left -= style::width(&text).min(left);
        kept.push((*tone, text));
    }
    kept
}

/// One row with its parts still apart.
struct Line {
    label: Vec<Piece>,
    place: String,
    time: String,
    notes: Vec<Piece>,
    marked: bool,
}

fn line(canvas: &Canvas<'_>, trace: &Trace, row: &Row) -> Line {
    let glyphs = canvas.theme.glyphs;
    let (branch, depth, guides, last, hidden) = match *row {
        Row::Branch { branch, depth, guides, last, hidden } => (branch, depth, guides, last, hidden),
        Row::Detached(n) => {
            return remark(Tone::Muted, format!("not linked to the root ({n}):"));
        }
        Row::Summed => {
            let said = trace.conversation.summed.as_ref().map(levels::sentence).unwrap_or_default();
            return remark(Tone::Muted, said + ":");
        }
        Row::Group(at) => return group(trace, at),
    };
    let conversation = &trace.conversation;
    let node = conversation.head(branch);
    let link = conversation.branches[branch].evidence.as_ref();
    let unsure = usize::from(link.is_some_and(|link| link.class == "inferred" || link.confidence < 1.0));
    let stem: String = (0..depth.saturating_sub(1).min(GUIDES_MAX))
        .map(|level| if guides & (1 << level) != 0 { glyphs.guide } else { "  " })
        .collect();
    let joint = match (depth, last) {
        (0, _) => "",
        (_, false) => glyphs.tee[unsure],
        (_, true) => glyphs.corner[unsure],
    };
    let (tone, glyph) = look(canvas, trace, node);
    let level = if depth > GUIDES_MAX { format!(" (level {depth})") } else { String::new() };
    let mut label = vec![
        piece(Tone::Muted, format!("{stem}{joint}")),
        piece(tone, format!("{glyph} {}", name(trace, branch))),
        piece(Tone::Muted, level),
    ];
    if hidden > 0 {
        label.push(piece(Tone::Accent, format!(" {} {} below", glyphs.closed, style::count(hidden as i64))));
    }
    let start = tree::start(conversation);
    let span = style::span(node.time.since(start));
    let time = match (node.time == start && depth == 0, span.starts_with('-')) {
        (true, _) => clock(start),
        (false, true) => span,
        (false, false) => format!("+{span}"),
    };
    let marked = trace.downstream.as_ref().is_some_and(|known| known.branches.contains(&branch));
    Line { label, place: place(trace, branch), time, notes: notes(canvas, trace, branch), marked }
}

/// A row that holds no event.
fn remark(tone: Tone, text: String) -> Line {
    let label = vec![piece(tone, text)];
    Line { label, place: String::new(), time: String::new(), notes: Vec::new(), marked: false }
}

/// Events that are summed up.
fn group(trace: &Trace, at: usize) -> Line {
    let groups = trace.conversation.summed.iter().flat_map(|summed| &summed.groups);
    let Some(group) = groups.clone().nth(at) else { return remark(Tone::Muted, String::new()) };
    let counts = groups.map(|group| style::width(&style::count(group.events as i64)));
    let count = style::right(&style::count(group.events as i64), counts.max().unwrap_or(0));
    let name = group.event_type.as_deref().unwrap_or("(no type)");
    let mut line = remark(Tone::Plain, format!("{count} x level {} {name} on {}", levels::range(group), group.topic));
    if group.failures > 0 {
        let failures = style::plural(group.failures as i64, "failure record");
        line.label.push(piece(Tone::Fail, format!("  {failures}")));
    }
    line
}

/// What the event is, by tone and glyph.
fn look(canvas: &Canvas<'_>, trace: &Trace, node: &TraceNode) -> (Tone, &'static str) {
    let glyphs = canvas.theme.glyphs;
    match (trace.failure(node.reference).map(|f| f.kind.as_str()), node.resolution.as_str()) {
        (Some("retry"), _) => (Tone::Warn, glyphs.retry),
        (Some(_), _) => (Tone::Fail, glyphs.fail),
        (None, "orphaned") => (Tone::Orphan, glyphs.orphan),
        (None, "waiting") => (Tone::Warn, glyphs.wait),
        (None, "unlinked") => (Tone::Plain, glyphs.unlinked),
        (None, _) => (Tone::Plain, glyphs.event),
    }
}

/// What a person calls the branch.
pub fn name(trace: &Trace, branch: usize) -> String {
    let node = trace.conversation.head(branch);
    let own = node.event_type.as_deref().unwrap_or(&node.topic);
    let times = trace.conversation.branches[branch].events.len();
    match (trace.failure(node.reference), times) {
        (Some(failure), 1) if failure.kind == "retry" => match failure.attempt {
            Some(attempt) => format!("retry {attempt}"),
            None => "retry".to_owned(),
        },
        (Some(failure), n) if failure.kind == "retry" => format!("retry, {n} times"),
        (Some(failure), _) if failure.kind == "dead_letter" => "dead letter".to_owned(),
        _ => own.to_owned(),
    }
}

fn place(trace: &Trace, branch: usize) -> String {
    let events = &trace.conversation.branches[branch].events;
    let first = tree::coordinates(&trace.conversation.graph[events[0]]);
    match events.len() {
        1 => first,
        n => format!("{first} +{}", n - 1),
    }
}

/// Why it stands here, and what failed on it.
fn notes(canvas: &Canvas<'_>, trace: &Trace, branch: usize) -> Vec<Piece> {
    let conversation = &trace.conversation;
    let node = conversation.head(branch);
    let mut notes = Vec::new();
    if let Some(failure) = trace.failure(node.reference) {
        let tone = if failure.state == "healed" { Tone::Ok } else { Tone::Fail };
        let word = if failure.state == "healed" { "healed in" } else { "failed in" };
        notes.push(piece(tone, format!("{word} {}  ", failure.group())));
    }
    if node.resolution == "orphaned" {
        let reason = node.orphan_reason.as_deref().map_or_else(|| "orphaned".to_owned(), style::words);
        notes.push(piece(Tone::Orphan, format!("{} {reason}  ", canvas.theme.glyphs.orphan)));
    }
    // Why a failure record stands here is told by what failed.
    if let (Some(link), true) = (&conversation.branches[branch].evidence, notes.is_empty()) {
        notes.push(piece(Tone::Muted, details::evidence(link)));
    } else if node.resolution == "root" {
        notes.push(piece(Tone::Muted, "root"));
    }
    notes
}

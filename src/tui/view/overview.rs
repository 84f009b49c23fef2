//! Screen 1: the answer in one line, four numbers with their course, newest failures, groups in trouble.

use super::grid::{self, Column, Grid, number, rest, text};
use super::nothing;
use super::numbers::{Series, bars, rate};
use super::paint::{Canvas, Piece, piece, split, split_at, width};
use crate::report::rows::{LagRow, Pulse};
use crate::report::style;
use crate::tui::model::{FailureLine, Headline, Model, OverviewPane, in_trouble, waiting};
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// From so many columns on two lists stand side by side.
const SIDE_BY_SIDE: u16 = 150;
/// From so many rows on the boxes have a second line of bars.
const TALL: u16 = 26;

/// Below so many rows nothing is framed.
const COMPACT: u16 = 16;

const FAILURES: &[Column] = &[number("count", 7, 0), text("group", 18, 0), rest("what", 22), text("from", 20, 1)];
const GROUPS: &[Column] = &[text("group", 20, 0), text("topic", 24, 1), number("waits", 9, 0), rest("state", 22)];

/// Draws the screen.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let Some(headline) = &model.headline else {
        return nothing(canvas, area, model.overview.answered, "nothing was answered yet");
    };
    let (top, rest) = split(area, 1);
    canvas.line(top, 0, &verdict(canvas, model, headline));
    let boxes_rows = match area.height {
        TALL.. => 4,
        COMPACT.. => 3,
        _ => 2,
    };
    let (boxes, lists) = split(rest, boxes_rows);
    numbers(canvas, boxes, model, headline);
    if area.width >= SIDE_BY_SIDE {
        let (left, right) = split_at(lists, lists.width * 11 / 20);
        failures(canvas, left, model, framed(area));
        groups(canvas, right, model, framed(area));
    } else {
        let frame = if framed(area) { 3 } else { 1 };
        let trouble = model.overview.groups.len().clamp(1, usize::from(lists.height) / 3) as u16 + frame;
        let (above, below) = split(lists, lists.height.saturating_sub(trouble));
        failures(canvas, above, model, framed(area));
        groups(canvas, below, model, framed(area));
    }
}

/// Whether there is room for frames.
const fn framed(area: Rect) -> bool {
    area.height >= COMPACT
}

/// What a person who was woken wants to know first.
fn verdict(canvas: &Canvas<'_>, model: &Model, headline: &Headline) -> Vec<Piece> {
    let glyphs = canvas.theme.glyphs;
    let totals = &headline.totals;
    let stuck: Vec<&LagRow> = model.overview.groups.iter().filter(|row| in_trouble(row)).collect();
    let stands = match stuck.as_slice() {
        [] => String::new(),
        [one] => format!("{} {} {}", glyphs.fail, one.consumer_group, style::words(&one.state)),
        many => format!("{} {} groups stuck or stalled", glyphs.fail, many.len()),
    };
    let dot = piece(Tone::Muted, glyphs.dot);
    let mut line = vec![piece(Tone::Plain, " ")];
    if totals.seen == 0 {
        line.push(piece(Tone::Muted, "nothing was tapped or imported yet"));
    } else if totals.failed == 0 && totals.received == 0 {
        line.push(piece(Tone::Warn, format!("{} nothing received in this window; t widens it", glyphs.warn)));
    } else if totals.failed == 0 {
        line.push(piece(Tone::Ok, format!("{} no failures seen", glyphs.ok)));
        line.push(dot.clone());
        line.push(piece(
            Tone::Plain,
            format!("{} received in {}", style::count(totals.received), style::plural(totals.topics, "topic")),
        ));
    } else {
        let tone = if totals.dead > 0 { Tone::Fail } else { Tone::Warn };
        line.push(piece(tone, format!("{} {} failed: ", glyphs.fail, style::count(totals.failed))));
        let states = [(totals.dead, "dead"), (totals.retrying, "retrying"), (totals.healed, "healed")];
        let states = states.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", style::count(*n)));
        line.push(piece(tone, states.collect::<Vec<_>>().join(", ")));
        for (n, word, tone) in
            [(totals.unattended, "unattended", Tone::Warn), (totals.orphaned_failures, "orphaned", Tone::Orphan)]
        {
            if n > 0 {
                line.push(dot.clone());
                line.push(piece(tone, format!("{} {word}", style::count(n))));
            }
        }
    }
    if !stands.is_empty() {
        line.push(dot);
        line.push(piece(Tone::Fail, stands));
    }
    line
}

struct Number {
    title: &'static str,
    tone: Tone,
    value: String,
    beside: String,
    of: fn(&Pulse) -> i64,
}

fn numbers(canvas: &mut Canvas<'_>, area: Rect, model: &Model, headline: &Headline) {
    let totals = &headline.totals;
    let series = |of: fn(&Pulse) -> i64| Series {
        pulse: &model.overview.pulse,
        of,
        first: totals.first_time.unwrap_or(headline.until),
        until: headline.until,
        minutes: model.window.minutes(),
    };
    let alarm = |n: i64, tone: Tone| if n > 0 { tone } else { Tone::Strong };
    let shown = [
        Number {
            title: "received/s",
            tone: Tone::Strong,
            value: rate(series(|p| p.received).per_second()),
            beside: style::count(totals.received),
            of: |p| p.received,
        },
        Number {
            title: "passed/s",
            tone: Tone::Strong,
            value: rate(series(|p| p.passed).per_second()),
            beside: style::count(totals.passed),
            of: |p| p.passed,
        },
        Number {
            title: "failed/min",
            tone: alarm(totals.failed, Tone::Fail),
            value: rate(series(|p| p.failed).per_second() * 60.0),
            beside: style::count(totals.failed),
            of: |p| p.failed,
        },
        Number {
            title: "orphaned",
            tone: alarm(totals.orphaned, Tone::Orphan),
            value: style::count(totals.orphaned),
            // The failures of the line above are counted apart.
            beside: "events".to_owned(),
            of: |p| p.orphaned,
        },
    ];
    let each = area.width / 4;
    for (n, number) in shown.iter().enumerate() {
        let left = area.x + each * n as u16;
        let wide = if n == 3 { area.right() - left } else { each };
        draw_number(canvas, Rect { x: left, width: wide, ..area }, number, &series(number.of));
    }
}

/// The number, its sum in the window where there is room, and its course.
fn draw_number(canvas: &mut Canvas<'_>, area: Rect, number: &Number, series: &Series<'_>) {
    let mut title = vec![piece(Tone::Plain, number.title)];
    if !number.beside.is_empty() && number.title.len() + number.beside.len() + 9 <= usize::from(area.width) {
        title.push(piece(Tone::Muted, format!("{}{}", canvas.theme.glyphs.dot, number.beside)));
    }
    let inside = canvas.pane(area, &title, (false, area.height > 2));
    let value = [piece(number.tone, number.value.clone()), piece(Tone::Plain, " ")];
    let used = canvas.line(inside, 0, &value).max(width(&value) as u16);
    let (_, course) = split_at(inside, used.min(inside.width));
    let parts = series.parts(usize::from(course.width));
    let tone = if number.tone == Tone::Strong { Tone::Accent } else { number.tone };
    for (row, line) in bars(&parts, usize::from(course.height), &canvas.theme.glyphs.bars).into_iter().enumerate() {
        canvas.line_right(course, row as u16, &[piece(tone, line)]);
    }
}

fn failures(canvas: &mut Canvas<'_>, area: Rect, model: &Model, framed: bool) {
    let overview = &model.overview;
    let focused = overview.pane == OverviewPane::Failures;
    let inside = canvas.pane(area, &[piece(Tone::Plain, "newest failures")], (focused, framed));
    if overview.failures.is_empty() {
        return nothing(
            canvas,
            inside,
            overview.answered,
            "none seen: dead letters, retries and faults would stand here",
        );
    }
    let rows: Vec<Vec<Piece>> = overview.failures.iter().map(|line| failure_cells(canvas, line)).collect();
    let selected = focused.then_some(overview.failure);
    grid::draw(canvas, inside, &Grid { columns: FAILURES, rows: &rows, selected, titles: framed });
}

fn failure_cells(canvas: &Canvas<'_>, line: &FailureLine) -> Vec<Piece> {
    let (tone, glyph) = super::failures::worst(canvas, &line.row);
    let from = if line.row.orphaned > 0 { Tone::Orphan } else { Tone::Plain };
    vec![
        piece(tone, format!("{} {glyph}", style::count(line.row.failures))),
        piece(Tone::Strong, line.row.consumer_group.as_deref().unwrap_or("(unnamed)")),
        piece(Tone::Plain, line.what.as_str()),
        piece(from, super::failures::from(canvas, line)),
    ]
}

fn groups(canvas: &mut Canvas<'_>, area: Rect, model: &Model, framed: bool) {
    let overview = &model.overview;
    let focused = overview.pane == OverviewPane::Groups;
    let inside = canvas.pane(area, &[piece(Tone::Plain, "groups in trouble")], (focused, framed));
    if overview.groups.is_empty() {
        return nothing(canvas, inside, overview.answered, &calm(overview.behind));
    }
    let rows: Vec<Vec<Piece>> = overview.groups.iter().map(|row| group_cells(canvas, row)).collect();
    let selected = focused.then_some(overview.group);
    grid::draw(canvas, inside, &Grid { columns: GROUPS, rows: &rows, selected, titles: framed });
}

/// What is said of groups where none is in trouble.
fn calm(behind: usize) -> String {
    match behind {
        0 => "none: every group that was sampled has passed everything".to_owned(),
        n => format!(
            "none; {} behind by less than {} s",
            style::plural(n as i64, "reader"),
            crate::tui::absorb::SLOW_MS / 1000
        ),
    }
}

fn group_cells(canvas: &Canvas<'_>, row: &LagRow) -> Vec<Piece> {
    let (tone, state) = super::consumers::state(canvas, row);
    let time = row.lag_ms.filter(|ms| *ms > 0).map(|ms| style::span(ms.saturating_mul(1000)));
    let state = match time {
        Some(time) => format!("{state}, {time}"),
        None => state,
    };
    vec![
        piece(Tone::Strong, row.consumer_group.as_str()),
        piece(Tone::Plain, row.topic_name()),
        piece(Tone::Plain, style::count(waiting(row))),
        piece(tone, state),
    ]
}

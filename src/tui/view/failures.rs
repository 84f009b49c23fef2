//! Screen 4: failures by signature.

use super::grid::{self, Column, Grid, number, rest, text};
use super::nothing;
use super::numbers::bars;
use super::paint::{Canvas, Piece, piece, split};
use crate::report::rows::FailureGroup;
use crate::report::style;
use crate::tui::model::{FailureLine, Model};
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

const COLUMNS: &[Column] = &[
    number("count", 7, 0),
    text("trend", 12, 2),
    number("last", 10, 3),
    text("group", 20, 0),
    rest("what", 26),
    text("from", 22, 1),
    text("state", 34, 0),
];

/// Draws the screen.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let (top, rest) = split(area, 1);
    canvas.line(top, 0, &summary(canvas, model));
    let (rest, bottom) = split(rest, rest.height.saturating_sub(1));
    // A blank line, where there is room for one.
    let list = split(rest, u16::from(area.height >= 20)).1;
    let failures = &model.failures;
    if failures.shown.is_empty() {
        let why = match (failures.all.is_empty(), failures.orphans, failures.unattended) {
            (_, true, true) => "none that is orphaned and unattended; o and u show the others",
            (_, true, false) => "none that is orphaned; o shows all",
            (false, _, true) => "none that is unattended; u shows all",
            _ => "none seen in this window; t widens it",
        };
        return nothing(canvas, list, failures.answered, why);
    }
    let now = model.headline.as_ref().filter(|_| model.origin.file).map_or(model.now, |headline| headline.until);
    let narrow = area.width < 100;
    let shown = failures.shown.iter().filter_map(|&at| failures.all.get(at));
    let rows: Vec<Vec<Piece>> = shown.map(|line| cells(canvas, line, now, narrow)).collect();
    grid::draw(canvas, list, &Grid { columns: COLUMNS, rows: &rows, selected: Some(failures.selected), titles: true });
    let said = " a lower bound: only failures that left a record are counted";
    canvas.line(bottom, 0, &[piece(Tone::Muted, said)]);
}

fn summary(canvas: &Canvas<'_>, model: &Model) -> Vec<Piece> {
    let failures = &model.failures;
    let sum = |of: fn(&FailureGroup) -> i64| {
        failures.shown.iter().filter_map(|&at| failures.all.get(at)).map(|f| of(&f.row)).fold(0, i64::saturating_add)
    };
    let dot = piece(Tone::Muted, canvas.theme.glyphs.dot);
    let all = sum(|f| f.failures);
    let mut line = vec![
        piece(Tone::Plain, " "),
        piece(
            if all > 0 { Tone::Strong } else { Tone::Muted },
            format!("{}, {}", style::plural(all, "failure"), style::plural(failures.shown.len() as i64, "kind")),
        ),
    ];
    let parts = [
        (sum(|f| f.dead), "dead", Tone::Fail),
        (sum(|f| f.unattended), "unattended", Tone::Warn),
        (sum(|f| f.orphaned), "orphaned", Tone::Orphan),
    ];
    for (n, word, tone) in parts.into_iter().filter(|(n, _, _)| *n > 0) {
        line.push(dot.clone());
        line.push(piece(tone, format!("{} {word}", style::count(n))));
    }
    if model.size.0 >= 80 {
        line.extend([dot.clone(), piece(Tone::Muted, failures.sort.name())]);
    }
    for (on, word) in [(failures.orphans, "orphans only"), (failures.unattended, "unattended only")] {
        if on {
            line.push(dot.clone());
            line.push(piece(Tone::Accent, format!("[{word}]")));
        }
    }
    line
}

fn cells(canvas: &Canvas<'_>, line: &FailureLine, now: crate::event::Timestamp, narrow: bool) -> Vec<Piece> {
    let row = &line.row;
    let (tone, glyph) = worst(canvas, row);
    let trend: Vec<Option<i64>> = row.trend.iter().map(|n| Some(*n)).collect();
    let trend = bars(&trend, 1, &canvas.theme.glyphs.bars).pop().unwrap_or_default();
    let from_tone = if row.orphaned > 0 { Tone::Orphan } else { Tone::Plain };
    vec![
        piece(tone, format!("{} {glyph}", style::count(row.failures))),
        piece(tone, trend),
        piece(Tone::Plain, style::ago(now, row.last_time)),
        piece(Tone::Strong, row.consumer_group.as_deref().unwrap_or("(unnamed)")),
        piece(Tone::Plain, line.what.as_str()),
        piece(from_tone, from(canvas, line)),
        piece(tone, states(row, narrow)),
    ]
}

/// Where it comes from; what has lost its way back says so.
pub fn from(canvas: &Canvas<'_>, line: &FailureLine) -> String {
    match line.row.root_type {
        None if line.row.orphaned > 0 => format!("{} {}", canvas.theme.glyphs.orphan, line.from),
        _ => line.from.clone(),
    }
}

/// The worst that became of them.
pub fn worst(canvas: &Canvas<'_>, row: &FailureGroup) -> (Tone, &'static str) {
    let glyphs = canvas.theme.glyphs;
    match (row.dead, row.retrying) {
        (1.., _) => (Tone::Fail, glyphs.fail),
        (_, 1..) => (Tone::Warn, glyphs.retry),
        _ => (Tone::Ok, glyphs.ok),
    }
}

/// What became of them; where there is little room only the worst.
fn states(row: &FailureGroup, narrow: bool) -> String {
    let states =
        [(row.dead, "dead"), (row.retrying, "retrying"), (row.healed, "healed"), (row.unattended, "unattended")];
    let states = states.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", style::count(*n)));
    states.take(if narrow { 1 } else { 4 }).collect::<Vec<_>>().join(", ")
}

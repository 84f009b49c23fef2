//! Screen 3: groups behind, and the partitions of one.

use super::grid::{self, Column, Grid, number, rest, text};
use super::nothing;
use super::paint::{Canvas, Piece, piece, split, split_at};
use crate::report::rows::{LagRow, PartitionProgress};
use crate::report::style;
use crate::tui::model::{Model, in_trouble, is_trouble, waiting};
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

const COLUMNS: &[Column] = &[
    text("group", 24, 0),
    text("topic", 28, 0),
    number("records", 10, 0),
    number("time", 10, 0),
    number("events wait", 12, 2),
    number("offsets", 10, 3),
    rest("state", 16),
];
const PARTITIONS: &[Column] = &[
    number("partition", 9, 0),
    number("stands at", 12, 0),
    number("log end", 12, 1),
    number("records", 9, 0),
    number("time", 10, 2),
    rest("state", 20),
];
/// From so many columns on the partitions stand beside the groups.
const SIDE_BY_SIDE: u16 = 140;

/// Below so many rows nothing is framed.
const COMPACT: u16 = 16;

/// Draws the screen.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let consumers = &model.consumers;
    let (top, rest) = split(area, 1);
    canvas.line(top, 0, &summary(canvas, model));
    if consumers.rows.is_empty() {
        let list = Rect { y: rest.y + 1, height: rest.height.saturating_sub(1), ..rest };
        let why = "no consumer groups: where the cluster cannot list them, name them with headwater tap --groups A,B";
        return nothing(canvas, list, consumers.answered, why);
    }
    let (left, right) = match rest.width >= SIDE_BY_SIDE {
        true => split_at(rest, rest.width * 3 / 5),
        false => {
            let below = (consumers.partitions.len().clamp(1, 8) as u16 + 3).min(rest.height * 2 / 5);
            split(rest, rest.height.saturating_sub(below))
        }
    };
    let framed = area.height >= COMPACT;
    let inside = canvas.pane(left, &[piece(Tone::Plain, "groups")], (true, framed));
    let rows: Vec<Vec<Piece>> = consumers.rows.iter().map(|row| cells(canvas, row)).collect();
    grid::draw(
        canvas,
        inside,
        &Grid { columns: COLUMNS, rows: &rows, selected: Some(consumers.selected), titles: true },
    );
    partitions(canvas, right, model, framed);
}

fn summary(canvas: &Canvas<'_>, model: &Model) -> Vec<Piece> {
    let rows = &model.consumers.rows;
    let trouble = rows.iter().filter(|row| in_trouble(row)).count();
    let behind = rows.iter().filter(|row| waiting(row) > 0).count();
    let dot = piece(Tone::Muted, canvas.theme.glyphs.dot);
    let groups = rows.iter().map(|row| &row.consumer_group).collect::<std::collections::BTreeSet<_>>().len();
    let glyphs = canvas.theme.glyphs;
    let mut line = vec![piece(Tone::Plain, " ")];
    line.push(match (rows.is_empty(), trouble, behind) {
        (true, _, _) => piece(Tone::Muted, "no groups"),
        (_, 0, 0) => piece(Tone::Ok, format!("{} all have passed everything", glyphs.ok)),
        (_, 0, n) => {
            piece(Tone::Warn, format!("{} {n} of {} behind", glyphs.warn, style::plural(rows.len() as i64, "reader")))
        }
        (_, n, _) => piece(
            Tone::Fail,
            format!("{} {n} of {} in trouble", glyphs.fail, style::plural(rows.len() as i64, "reader")),
        ),
    });
    if groups > 0 {
        line.extend([dot.clone(), piece(Tone::Plain, style::plural(groups as i64, "group"))]);
    }
    if let Some(sampled) = rows.iter().map(|row| row.sampled_at).max() {
        let now = model.headline.as_ref().filter(|_| model.origin.file).map_or(model.now, |headline| headline.until);
        line.extend([dot.clone(), piece(Tone::Muted, format!("sampled {}", style::ago(now, sampled)))]);
        line.extend([dot, piece(Tone::Muted, "passed = committed beyond it")]);
    }
    line
}

fn cells(canvas: &Canvas<'_>, row: &LagRow) -> Vec<Piece> {
    let known = |n: Option<i64>| n.map_or_else(|| "?".to_owned(), style::count);
    let (tone, state) = state(canvas, row);
    vec![
        piece(Tone::Strong, row.consumer_group.as_str()),
        piece(Tone::Plain, row.topic_name()),
        piece(Tone::Plain, known(row.lag_records)),
        piece(Tone::Plain, age(row.lag_ms)),
        piece(Tone::Plain, row.waiting_events.filter(|n| *n > 0).map_or_else(|| "-".to_owned(), style::count)),
        piece(Tone::Muted, known(row.lag_offsets)),
        piece(tone, state),
    ]
}

fn age(ms: Option<i64>) -> String {
    ms.filter(|ms| *ms > 0).map_or_else(|| "-".to_owned(), |ms| style::span(ms.saturating_mul(1000)))
}

/// How a group stands, with glyph and word; where it stands, when it does not move.
pub fn state(canvas: &Canvas<'_>, row: &LagRow) -> (Tone, String) {
    let glyphs = canvas.theme.glyphs;
    let state = style::words(&row.state);
    let partition = row.worst_partition.map(|n| format!(" at partition {n}")).unwrap_or_default();
    match (in_trouble(row), row.worst_committed_offset, waiting(row)) {
        (true, Some(offset), _) => {
            let partition = row.worst_partition.unwrap_or_default();
            (Tone::Fail, format!("{} {state} at {partition}/{offset}", glyphs.fail))
        }
        (true, None, _) => (Tone::Fail, format!("{} {state}{partition}", glyphs.fail)),
        _ if row.state == "no_offset_lag" => (Tone::Muted, format!("{} {state}", glyphs.dot)),
        (false, None, _) => (Tone::Warn, format!("{} {state}", glyphs.orphan)),
        (false, _, 0) => (Tone::Ok, format!("{} caught up", glyphs.ok)),
        (false, _, _) => (Tone::Warn, behind(canvas, row, &state)),
    }
}

/// That it is behind, when it will not be, and whether retention is faster.
fn behind(canvas: &Canvas<'_>, row: &LagRow, state: &str) -> String {
    let mut text = format!("{} behind", canvas.theme.glyphs.wait);
    if row.state != "stable" {
        text.push_str(&format!(", {state}"));
    }
    if let Some(ms) = row.eta_ms {
        text.push_str(&format!(", passed in {}", style::span(ms.saturating_mul(1000))));
    }
    match row.loses_data_in_ms {
        Some(..=0) => text.push_str(", may lose data now"),
        Some(ms) if row.eta_ms.is_none_or(|eta| eta > ms) => {
            text.push_str(&format!(", may lose data in {}", style::span(ms.saturating_mul(1000))));
        }
        _ => {}
    }
    text
}

fn partitions(canvas: &mut Canvas<'_>, area: Rect, model: &Model, framed: bool) {
    let consumers = &model.consumers;
    let Some(row) = consumers.rows.get(consumers.selected) else { return };
    let title = format!("{} on {}", row.consumer_group, row.topic_name());
    let inside = canvas.pane(area, &[piece(Tone::Plain, title)], (false, framed));
    let known = consumers.shown.as_ref().is_some_and(|shown| {
        (shown.group.as_str(), shown.topic.as_str(), shown.cluster.as_str())
            == (row.consumer_group.as_str(), row.topic_name(), row.cluster.as_str())
    });
    if !known {
        return nothing(canvas, inside, false, "");
    }
    let rows: Vec<Vec<Piece>> = consumers.partitions.iter().map(|row| partition_cells(canvas, row)).collect();
    grid::draw(canvas, inside, &Grid { columns: PARTITIONS, rows: &rows, selected: None, titles: true });
}

fn partition_cells(canvas: &Canvas<'_>, row: &PartitionProgress) -> Vec<Piece> {
    let known = |n: Option<i64>, none: &str| n.map_or_else(|| none.to_owned(), |n| n.to_string());
    let glyphs = canvas.theme.glyphs;
    let state = style::words(&row.state);
    let waits = row.lag_records.or(row.lag_offsets).unwrap_or(0);
    let (tone, state) = match (is_trouble(&row.state), row.committed_offset, waits) {
        (true, _, _) => (Tone::Fail, format!("{} {state}", glyphs.fail)),
        _ if row.state == "no_offset_lag" => (Tone::Muted, format!("{} {state}", glyphs.dot)),
        (false, None, _) => (Tone::Warn, format!("{} {state}", glyphs.orphan)),
        (false, _, 0) => (Tone::Ok, format!("{} caught up", glyphs.ok)),
        (false, _, _) if row.state == "stable" => (Tone::Warn, format!("{} behind", glyphs.wait)),
        (false, _, _) => (Tone::Warn, format!("{} behind, {state}", glyphs.wait)),
    };
    vec![
        piece(Tone::Plain, row.partition.to_string()),
        piece(Tone::Plain, known(row.committed_offset, "-")),
        piece(Tone::Muted, known(row.log_end_offset, "?")),
        piece(Tone::Plain, row.lag_records.map_or_else(|| "?".to_owned(), style::count)),
        piece(Tone::Plain, age(row.lag_ms)),
        piece(tone, state),
    ]
}

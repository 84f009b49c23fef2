//! What is laid over a screen: notices, the line for an ID, several matches, the list of keys.

use super::details::wrap;
use super::grid::{self, Column, Grid, rest, text};
use super::paint::{Canvas, Piece, piece, split};
use crate::report::style;
use crate::tui::keymap;
use crate::tui::model::{Link, Mode, Model};
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// Columns of the keys in the list of keys.
const KEYS: usize = 13;

const MATCHES: &[Column] = &[
    text("time (UTC)", 23, 2),
    text("event", 40, 0),
    text("kind", 12, 3),
    rest("type", 14),
    text("matched by", 16, 1),
];

/// Draws whatever is laid over `area`.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    match model.mode() {
        Mode::Help => help(canvas, area, model),
        Mode::Choosing => choice(canvas, area, model),
        Mode::Typing => search(canvas, area, model),
        Mode::Screen => {}
    }
    notice(canvas, area, model);
}

/// A lost tap is said as long as it is lost; everything else for a while.
fn notice(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let glyphs = canvas.theme.glyphs;
    let (tone, text) = match (&model.link, &model.notice) {
        (_, Some(notice)) if notice.well => (Tone::Accent, format!("{} {}", glyphs.ok, notice.text)),
        (_, Some(notice)) => (Tone::Fail, format!("{} {}", glyphs.fail, notice.text)),
        (Link::Lost { since, reason }, None) => {
            let gone = style::span(model.now.since(*since).max(0) / 1_000_000 * 1_000_000);
            (Tone::Fail, format!("{} no answer for {gone}, trying again: {reason}", glyphs.fail))
        }
        (_, None) => return,
    };
    let row = Rect { y: area.bottom() - 1, height: 1, ..area };
    canvas.clear(row);
    canvas.line(row, 0, &[piece(tone, format!(" {text}"))]);
}

fn search(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let Some(search) = &model.search else { return };
    let wide = area.width.min(100);
    let place = Rect { x: area.x + (area.width - wide) / 2, y: area.y + area.height / 3, width: wide, height: 5 };
    let place = place.intersection(area);
    canvas.clear(place);
    let inside = canvas.frame(place, &[piece(Tone::Plain, "find an event by any ID")], true);
    // The part of the line that holds the cursor is the one that is seen.
    let room = usize::from(inside.width).saturating_sub(3);
    let value: Vec<char> = search.input.value().chars().collect();
    let cursor = search.input.cursor().min(value.len());
    let first = cursor.saturating_sub(room);
    let before: String = value[first..cursor].iter().collect();
    let after: String = value[cursor..].iter().collect();
    let clean = |text: &str| style::fit(text, usize::MAX);
    let prompt = [piece(Tone::Accent, "/ "), piece(Tone::Strong, clean(&before))];
    let used = canvas.line(inside, 0, &prompt);
    let mut rest = clean(&after);
    if rest.is_empty() {
        rest.push(' ');
    }
    let (_, right) = super::paint::split_at(inside, used);
    canvas.line(right, 0, &[piece(Tone::Strong, rest)]);
    if right.width > 0 {
        let look = canvas.theme.selected();
        canvas.paint(Rect { width: 1, height: 1, ..right }, look);
    }
    let (tone, hint) = match &search.refused {
        Some(refused) => (Tone::Fail, refused.as_str()),
        None => (Tone::Muted, "topic/partition/offset, event id, trace id, traceparent, correlation id, key:VALUE"),
    };
    for (row, line) in wrap(hint, usize::from(inside.width)).into_iter().enumerate() {
        canvas.line(inside, row as u16 + 1, &[piece(tone, line)]);
    }
}

fn choice(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let Some(choice) = &model.choice else { return };
    canvas.clear(area);
    let events = style::plural(choice.matches.len() as i64, "event");
    let title = format!("`{}` is carried by {events} of several conversations", canvas.fit(&choice.text, 40));
    let inside = canvas.frame(area, &[piece(Tone::Plain, title)], true);
    let rows: Vec<Vec<Piece>> = choice
        .matches
        .iter()
        .map(|m| {
            vec![
                piece(Tone::Muted, style::date_time(m.time)),
                piece(Tone::Strong, m.coordinates.as_str()),
                piece(Tone::Plain, style::words(&m.kind)),
                piece(Tone::Plain, m.event_type.as_deref().unwrap_or("-")),
                piece(Tone::Muted, style::words(&m.matched)),
            ]
        })
        .collect();
    grid::draw(canvas, inside, &Grid { columns: MATCHES, rows: &rows, selected: Some(choice.selected), titles: true });
}

fn help(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    canvas.clear(area);
    let (_, name) = model.screen.tab();
    let inside = canvas.frame(area, &[piece(Tone::Plain, format!("keys on the screen {name}, then everywhere"))], true);
    let glyphs = canvas.theme.glyphs;
    let mut lines: Vec<Vec<Piece>> = Vec::new();
    let mut add = |tone: Tone, name: &str, what: &str| {
        for (n, part) in wrap(what, usize::from(inside.width).saturating_sub(KEYS + 2).max(1)).into_iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            lines.push(vec![piece(tone, format!("{}  ", style::left(name, KEYS))), piece(Tone::Plain, part)]);
        }
    };
    for (keys, what) in keymap::help(model.screen) {
        add(Tone::Accent, &keys, what);
    }
    add(Tone::Plain, "", "");
    for (tone, glyph, what) in [
        (Tone::Ok, glyphs.ok, "passed (committed beyond it, as far as Kafka can show), healed, caught up"),
        (Tone::Fail, glyphs.fail, "failed and given up, stuck"),
        (Tone::Warn, glyphs.retry, "tried again"),
        (Tone::Orphan, glyphs.orphan, "orphaned: the way back to its root is broken, with the reason"),
        (Tone::Warn, glyphs.wait, "waits, behind, not reached"),
        (Tone::Plain, glyphs.unlinked, "names no cause"),
        (Tone::Muted, glyphs.tee[1], "a cause that is inferred, or not certain"),
    ] {
        add(tone, glyph, what);
    }
    let last = lines.len().saturating_sub(usize::from(inside.height));
    let top = model.help.unwrap_or(0).min(last);
    for (row, line) in lines.iter().skip(top).take(usize::from(inside.height)).enumerate() {
        canvas.line(inside, row as u16, line);
    }
    if top < last {
        let (_, bottom) = split(area, area.height - 1);
        let bottom = Rect { width: bottom.width - 2, ..bottom };
        canvas.line_right(
            bottom,
            0,
            &[piece(Tone::Muted, format!(" {}: j ", style::plural((last - top) as i64, "more line")))],
        );
    }
}

//! The first lines and the last: what is looked at, how far it can be trusted, and which keys there are.

use super::paint::{Canvas, Piece, piece, width};
use crate::report::style;
use crate::tui::keymap;
use crate::tui::model::{Headline, Link, Mode, Model, Screen};
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// An answer that is older than this says so, µs.
const FRESH_US: i64 = 5_000_000;
/// A tap that is behind by so much says how many records it has to read, µs.
const SLOW_US: i64 = 1_000_000;
/// A tap that samples nothing and sees nothing for so long says so, µs: it samples every few seconds.
const SILENT_US: i64 = 60_000_000;
/// Gaps that are counted one by one where there is little room.
const COUNTED: i64 = 9_999;
/// Columns that a cluster's name keeps.
const CLUSTER_MIN: usize = 6;
/// Columns of a cluster's name that are worth more than long words behind it.
const CLUSTER_WHOLE: usize = 24;

/// Draws the two first lines.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let room = usize::from(area.width).saturating_sub(2);
    let long = facts(canvas, model, false);
    let name = match &model.headline {
        Some(headline) if !headline.cluster.is_empty() => headline.cluster.as_str(),
        _ => model.origin.name.as_str(),
    };
    let whole = style::width(name).clamp(CLUSTER_MIN, CLUSTER_WHOLE);
    let facts = if width(&long) + whole <= room { long } else { facts(canvas, model, true) };
    let name = middle(canvas, name, room.saturating_sub(width(&facts)).max(CLUSTER_MIN));
    let mut line = vec![piece(Tone::Plain, " "), piece(Tone::Strong, name)];
    line.extend(facts);
    canvas.line(area, 0, &line);
    tabs(canvas, area, model);
}

/// A name whose end tells as much as its beginning is cut in the middle.
fn middle(canvas: &Canvas<'_>, name: &str, columns: usize) -> String {
    let name = style::fit(name, usize::MAX);
    if style::width(&name) <= columns {
        return name;
    }
    let tail: String = name.chars().rev().take(columns / 3).collect::<Vec<_>>().into_iter().rev().collect();
    // A mark without its letter is none.
    let tail = tail.trim_start_matches(|c: char| style::width(c.encode_utf8(&mut [0; 4])) == 0);
    let tail = canvas.fit(tail, columns / 3);
    format!("{}{tail}", canvas.fit(&name, columns - style::width(&tail)))
}

/// Everything after the name: whether it answers, how old the picture is, tap lag, coverage, gaps, window.
fn facts(canvas: &Canvas<'_>, model: &Model, short: bool) -> Vec<Piece> {
    let dot = || piece(Tone::Muted, canvas.theme.glyphs.dot);
    let mut line = vec![dot()];
    line.extend(link(canvas, model, short));
    if let Some(headline) = &model.headline {
        // How far a tap is behind that does not answer, nobody knows.
        if !model.origin.file && !matches!(model.link, Link::Lost { .. }) {
            line.push(dot());
            line.push(lag(model, headline, short));
        }
        line.push(dot());
        line.extend(coverage(headline, short));
    }
    line.push(dot());
    let window = model.window.name();
    line.push(piece(
        Tone::Plain,
        match (short, model.window.minutes()) {
            (false, Some(_)) => format!("last {window}"),
            (false, None) => "all that was seen".to_owned(),
            (true, _) => window.to_owned(),
        },
    ));
    line
}

fn link(canvas: &Canvas<'_>, model: &Model, short: bool) -> Vec<Piece> {
    let glyphs = canvas.theme.glyphs;
    let age = model.age().unwrap_or(0);
    let old = |age: i64| style::ago(crate::event::Timestamp(age), crate::event::Timestamp(0)).replace(" ago", "");
    let stale = |word: &str| match (age > FRESH_US, short) {
        (true, true) => format!("{word} {}", old(age)),
        (true, false) => format!("{word}, {} old", old(age)),
        (false, _) => word.to_owned(),
    };
    match (&model.link, model.frozen) {
        (Link::Lost { since, .. }, _) => {
            let gone = old(model.now.since(*since).max(0));
            let text = match (short, model.headline.is_some()) {
                (false, true) => format!("{} LOST {gone} ago, picture {} old", glyphs.fail, old(age)),
                _ => format!("{} LOST {gone}", glyphs.fail),
            };
            vec![piece(Tone::Fail, text.replace("just now ago", "just now"))]
        }
        (Link::Waiting, _) => vec![piece(Tone::Muted, "asking")],
        (Link::Up, Some(_)) => vec![piece(Tone::Warn, stale("frozen"))],
        (Link::Up, None) if model.origin.file => {
            let as_of = model.headline.as_ref().and_then(|headline| headline.seen_time);
            let as_of = as_of.map(|time| if short { short_time(time) } else { style::date_time(time) });
            let cut = |time: String| time.split('.').next().unwrap_or_default().to_owned();
            vec![piece(
                Tone::Plain,
                match as_of {
                    Some(time) if short => format!("file of {}", cut(time)),
                    Some(time) => format!("file, as of {} UTC", cut(time)),
                    None => "file, empty".to_owned(),
                },
            )]
        }
        (Link::Up, None) => vec![piece(if age > FRESH_US { Tone::Warn } else { Tone::Ok }, stale("live"))],
    }
}

fn short_time(time: crate::event::Timestamp) -> String {
    let text = style::date_time(time);
    // Month, day and time of day to the minute.
    text.get(5..16).map_or(text.clone(), str::to_owned)
}

/// How far the tap itself is behind: what it had not read when it looked last, and for how long.
fn lag(model: &Model, headline: &Headline, short: bool) -> Piece {
    let word = if short { "lag" } else { "tap lag" };
    let last = headline.sampled_at.max(headline.seen_time);
    let silent = last.map(|last| headline.at.since(last)).filter(|us| *us > SILENT_US && model.frozen.is_none());
    if let Some(us) = silent {
        let silent = style::span(us / 1_000_000 * 1_000_000);
        return piece(Tone::Warn, format!("tap silent {}", silent));
    }
    let behind = headline.sampled_at.zip(headline.seen_time).map_or(0, |(sampled, seen)| sampled.since(seen).max(0));
    // While records flow, some have always come since the last sample.
    match (headline.unread > 0, behind, short) {
        (false, _, _) | (true, 0, _) => piece(Tone::Plain, format!("{word} 0")),
        (true, ..SLOW_US, _) => piece(Tone::Plain, format!("{word} {}", style::span(behind))),
        (true, _, true) => piece(Tone::Warn, format!("{word} {}", style::span(behind))),
        (true, _, false) => piece(
            Tone::Warn,
            format!(
                "{word} {}, {} to read, {}",
                style::span(behind),
                style::plural(headline.unread, "record"),
                match headline.catch_up_ms {
                    Some(ms) => format!("{} left", style::span(ms.saturating_mul(1000))),
                    None => "time left unknown".to_owned(),
                }
            ),
        ),
    }
}

fn coverage(headline: &Headline, short: bool) -> Vec<Piece> {
    let share = match headline.totals.coverage {
        None => "-".to_owned(),
        // Never rounded up: what is missing has to stay visible.
        Some(share) if share >= 1.0 => "100 %".to_owned(),
        Some(share) => format!("{:.2} %", (share * 10_000.0).floor() / 100.0),
    };
    let whole = headline.totals.coverage.is_none_or(|share| share >= 1.0);
    let tone = if whole { Tone::Plain } else { Tone::Warn };
    let gaps = match headline.gaps {
        0 => "no gaps".to_owned(),
        n if short && n > COUNTED => format!("{} k gaps", style::count(n / 1000)),
        n => style::plural(n, "gap"),
    };
    let word = if short { "cov" } else { "coverage" };
    let mut line = vec![piece(tone, format!("{word} {share}, {gaps}"))];
    if let (false, Some(memory), Some(disk)) = (short, headline.horizon_memory_ms, headline.horizon_disk_ms) {
        let back = |ms: i64| style::span(ms.saturating_mul(1000));
        line.push(piece(Tone::Muted, format!(", causes {} back, {} on disk", back(memory), back(disk))));
    }
    line
}

fn tabs(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let mut line = vec![piece(Tone::Plain, " ")];
    for screen in Screen::ALL {
        let (key, name) = screen.tab();
        let here = screen == model.screen;
        line.push(piece(
            if here { Tone::Accent } else { Tone::Muted },
            match here {
                true => format!("[{key} {name}]"),
                false => format!(" {key} {name} "),
            },
        ));
        line.push(piece(Tone::Plain, " "));
    }
    canvas.line(area, 1, &line);
    canvas.line_right(area, 1, &[piece(Tone::Accent, "?"), piece(Tone::Muted, " help ")]);
}

/// Draws the last line: keys and what they do here.
pub fn footer(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let room = usize::from(area.width);
    let mut line = vec![piece(Tone::Plain, " ")];
    // How to leave stands in the help too; what this screen is for comes first.
    for (key, word) in keymap::footer(model.mode(), model.screen) {
        let next = [piece(Tone::Accent, key), piece(Tone::Muted, format!(" {word}   "))];
        if width(&line) + width(&next) > room + 2 {
            break;
        }
        line.extend(next);
    }
    canvas.line(area, 0, &line);
    if model.mode() == Mode::Typing
        && let Some(search) = &model.search
        && search.looking
    {
        canvas.line_right(area, 0, &[piece(Tone::Muted, "looking it up ")]);
    }
}

//! A summary laid out as a page: the answer first, then the evidence, then what was not seen.

use super::chart::Chart;
use super::page::{Block, Fact, Page, Piece};
use super::window::{moment, series_step};
use super::words::{LOWER_BOUND, PASSED, coverage, parts};
use super::{Summary, business, sheets};
use crate::event::Timestamp;
use crate::report::style::{self, Tone};

/// Fewer steps than this are no line.
const STEPS_MIN: usize = 3;
/// Without an event for so long before the end of the window, the report says how old it is, µs.
const OLD_US: i64 = 600_000_000;

/// The page.
pub(super) fn page(summary: &Summary) -> Page {
    let mut blocks = Vec::new();
    if summary.holds_nothing() {
        blocks.push(Block::Answer(vec![
            Piece::strong("The database holds no records: "),
            Piece::plain("nothing was tapped or imported into it yet. Start "),
            Piece::Command("headwater tap".to_owned()),
            Piece::plain(", or replay a capture with "),
            Piece::Command("headwater import FILE".to_owned()),
            Piece::plain("."),
        ]));
        return Page { title: title(summary), under: under(summary), blocks };
    }
    if summary.is_quiet() {
        blocks.extend(quiet(summary));
    } else {
        blocks.extend(answer(summary));
    }
    blocks.extend(limits(summary));
    if !summary.is_quiet() {
        blocks.push(Block::Facts(facts(summary)));
        blocks.push(Block::Note(vec![Piece::plain(format!("{PASSED}. {LOWER_BOUND}."))]));
        blocks.extend(charts(summary));
        blocks.extend(business::section(summary));
        blocks.extend(sheets::failures(summary));
    }
    blocks.extend(sheets::lag(summary));
    if !summary.is_quiet() {
        blocks.extend(sheets::topics(summary));
        blocks.extend(sheets::passed(summary));
    }
    blocks.extend(sheets::not_seen(summary));
    Page { title: title(summary), under: under(summary), blocks }
}

fn title(summary: &Summary) -> String {
    let clusters = summary.clusters().join(", ");
    let of = if clusters.is_empty() { String::new() } else { format!(" · {clusters}") };
    format!("Event report{of} · {}", summary.asked.window.exact())
}

fn under(summary: &Summary) -> Vec<String> {
    vec![format!("All times are UTC. Made {} by headwater, from what a passive tap saw.", moment(summary.asked.made))]
}

fn answer(summary: &Summary) -> Vec<Block> {
    if !summary.business.is_empty() {
        return business::answers(summary);
    }
    let t = &summary.totals;
    let window = summary.asked.window.short();
    let events = format!("{} received on {}", style::plural(t.received, "event"), style::plural(t.topics, "topic"));
    let passed = match t.passed {
        0 => "passed by no group".to_owned(),
        n => format!("passed {} by {}", times(n), style::plural(t.groups, "group")),
    };
    let failures = match t.failed {
        0 => "no failure was seen".to_owned(),
        n => format!("{} ({})", style::plural(n, "failure"), states(summary)),
    };
    vec![Block::Answer(vec![
        Piece::strong(format!("{}: {events}, {passed}; {failures}.", super::words::capital(&window))),
        Piece::plain(format!(" What we saw: {} of all events.", coverage(t.coverage))),
    ])]
}

fn times(n: i64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{} times", style::count(n)) }
}

fn states(summary: &Summary) -> String {
    let t = &summary.totals;
    parts(&[(t.dead, "dead"), (t.retrying, "retrying"), (t.healed, "healed")])
}

/// Nothing in the window: why, and what to ask instead.
fn quiet(summary: &Summary) -> Vec<Block> {
    let mut pieces =
        vec![Piece::strong(format!("Nothing was seen in this window ({}). ", summary.asked.window.short()))];
    if let Some((first, last)) = seen(summary) {
        let events = style::plural(summary.ever.received, "event");
        pieces
            .push(Piece::plain(format!("The database holds {events}, seen {}. Ask for them: ", between(first, last))));
        let since = style::rfc3339(first.0 - first.0.rem_euclid(60_000_000));
        pieces.push(Piece::Command(format!("headwater report --since {since}{}", summary.asked.reach)));
    } else {
        pieces.push(Piece::plain("The database holds no event of any window: all were older than its retention."));
    }
    vec![Block::Answer(pieces)]
}

fn between(first: Timestamp, last: Timestamp) -> String {
    match (moment(first), moment(last)) {
        (first, last) if first == last => format!("at {first}"),
        (first, last) => format!("from {first} to {last}"),
    }
}

/// When the first and the last event that the database holds were seen.
fn seen(summary: &Summary) -> Option<(Timestamp, Timestamp)> {
    summary.ever.first_time.zip(summary.ever.last_time)
}

/// Where the window reaches beyond what was read, and where an answer was cut.
fn limits(summary: &Summary) -> Vec<Block> {
    let mut notes = Vec::new();
    let window = &summary.asked.window;
    if let (Some((first, last)), false) = (seen(summary), summary.is_quiet()) {
        if first.0 >= window.since.0.saturating_add(60_000_000) {
            notes.push(format!(
                "The window begins before what is kept: nothing seen before {} is in these numbers.",
                moment(first)
            ));
        }
        if last.0.saturating_add(OLD_US) < window.until.0.min(summary.asked.made.0) {
            let age = style::ago(summary.asked.made, last);
            notes.push(format!(
                "The last event was seen at {} ({age}): nothing after it is in these numbers.",
                moment(last)
            ));
        }
    }
    if !summary.answers.cut.is_empty() {
        let names = super::words::list(&summary.answers.cut.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        notes.push(format!(
            "Rows of {names} were left out, since there are more than one answer may have; narrow the window."
        ));
    }
    notes.into_iter().map(|note| Block::Note(vec![Piece::Toned(Tone::Warn, format!("! {note}"))])).collect()
}

fn facts(summary: &Summary) -> Vec<Fact> {
    let t = &summary.totals;
    let fact = |name, n: i64, words: String| Fact {
        name,
        number: style::count(n),
        tone: Tone::Strong,
        words: vec![Piece::plain(words)],
    };
    let failed = match t.failed {
        0 => "none seen".to_owned(),
        _ => states(summary),
    };
    let mut facts = vec![
        fact("received", t.received, format!("events on {}", style::plural(t.topics, "topic"))),
        fact("passed", t.passed, format!("added up over {}", style::plural(t.groups, "group"))),
        Fact { tone: if t.dead > 0 { Tone::Bad } else { Tone::Strong }, ..fact("failed", t.failed, failed) },
    ];
    if t.orphaned_failures > 0 {
        let broken = "failures whose way back to their source is broken".to_owned();
        facts.push(Fact { tone: Tone::Warn, ..fact("orphaned", t.orphaned_failures, broken) });
    }
    if t.unattended > 0 {
        let alone = "dead letters that no group has passed and nothing has healed".to_owned();
        facts.push(Fact { tone: Tone::Warn, ..fact("unattended", t.unattended, alone) });
    }
    facts.push(Fact {
        name: "seen",
        number: coverage(t.coverage),
        tone: Tone::Strong,
        words: vec![Piece::plain(format!(
            "of all events since reading began: {} seen, {} without a record",
            style::plural(t.seen, "record"),
            style::plural(t.missing, "offset")
        ))],
    });
    facts
}

/// The window over time. The steps are the query's; those without a row count nothing.
fn charts(summary: &Summary) -> Vec<Block> {
    let (step_s, begin) = series_step(&summary.asked.window, seen(summary));
    let step_us = step_s.saturating_mul(1_000_000);
    let Some(last) = summary.series.last().map(|row| row.time) else { return Vec::new() };
    let steps = usize::try_from((last.0 - begin.0) / step_us.max(1) + 1).unwrap_or(0);
    if !(STEPS_MIN..=1_000).contains(&steps) {
        return Vec::new();
    }
    let times: Vec<Timestamp> =
        (0..steps).map(|n| Timestamp(begin.0.saturating_add(step_us.saturating_mul(n as i64)))).collect();
    let values = |of: fn(&crate::report::rows::SeriesRow) -> i64| -> Vec<i64> {
        let mut values = vec![0; steps];
        for row in &summary.series {
            let place = usize::try_from((row.time.0 - begin.0).div_euclid(step_us)).ok();
            if let Some(value) = place.and_then(|place| values.get_mut(place)) {
                *value = of(row);
            }
        }
        values
    };
    let per = super::words::took_ms(step_s.saturating_mul(1000));
    let mut blocks = vec![Block::Chart(Chart::Lines {
        title: format!("Events received and passed, per {per}"),
        step_s,
        times: times.clone(),
        lines: vec![
            ("received", "received", values(|row| row.received)),
            ("passed, all groups added up", "passed", values(|row| row.passed)),
        ],
    })];
    if summary.totals.failed > 0 {
        blocks.push(Block::Chart(Chart::Bars {
            title: format!("Failures, per {per}, at the time of the event that failed"),
            step_s,
            times,
            values: values(|row| row.failed),
        }));
    }
    blocks
}

//! Who is behind, by how much, and what to do about it.

mod advice;
mod group;
mod near;
pub(super) mod sheet;

pub use group::{GroupAnswers, group};
pub use near::near;

use self::sheet::{Column, number, words};
use super::rows::LagRow;
use super::style::{self, Tone};
use super::text::Look;
use std::fmt::Write;

#[cfg(test)]
mod tests;

/// Lines of lag on one screen.
const LAG_MAX: usize = 60;
/// Columns for a group's name.
const GROUP_MAX: usize = 28;
/// Columns for a topic's name.
const TOPIC_MAX: usize = 40;
/// Columns for the name of the field that is summed up.
const FIELD_MAX: usize = 20;
/// From here on a sum is shown without its decimals.
const SUM_LARGE: f64 = 1_000.0;

/// The answer to `headwater lag`: one line a group and topic, those in trouble first, then those that wait longest.
pub fn lag(rows: &[LagRow], look: &Look<'_>) -> String {
    let mut sorted: Vec<&LagRow> = rows.iter().collect();
    sorted.sort_by(|a, b| {
        let key = |row: &LagRow| (row.in_trouble(), row.lag_ms, row.waits());
        key(b).cmp(&key(a)).then_with(|| (&a.consumer_group, &a.topic).cmp(&(&b.consumer_group, &b.topic)))
    });
    let field = rows.iter().find_map(|row| row.value_field.as_deref()).unwrap_or_default();
    let field = style::fit(field, FIELD_MAX);
    let several = several_clusters(rows);
    let columns = columns(&field);
    let lines: Vec<(Tone, Vec<String>)> =
        sorted.iter().take(LAG_MAX).map(|row| (tone(row), cells(row, several))).collect();
    let mut out = sheet::draw(&columns, &lines, look.style);
    if sorted.len() > LAG_MAX {
        let _ = writeln!(out, "  … and {} more; --json has all", sorted.len() - LAG_MAX);
    }
    out.push_str(&advice::lines(&sorted, look));
    out.push_str(&notes(rows, look));
    if let Some(worst) = sorted.iter().find(|row| row.in_trouble() || row.waits() > 0) {
        let _ = writeln!(out, "  next   {}", advice::command(&worst.consumer_group, look.reach));
    }
    out
}

fn several_clusters(rows: &[LagRow]) -> bool {
    rows.iter().any(|row| row.cluster != rows[0].cluster)
}

fn columns<'a>(field: &'a str) -> [Column<'a>; 13] {
    [
        words("group", 0),
        words("cluster", 0),
        words("kind", 7),
        words("topic", 0),
        number("offsets", 6),
        number("records", 0),
        number("time", 0),
        number("events", 2),
        number("conversations", 5),
        number(if field.is_empty() { "value" } else { field }, 3),
        words("catches up", 4),
        words("loses data", 1),
        words("state", 0),
    ]
}

fn cells(row: &LagRow, several: bool) -> Vec<String> {
    let known = |n: Option<i64>| match (row.topic.is_some(), n) {
        (false, _) => String::new(),
        (true, n) => n.map_or_else(|| "?".to_owned(), style::count),
    };
    let shared = row.is_shared();
    let at_most = if row.waiting_at_most { "≤ " } else { "" };
    let waiting = |n: Option<i64>| n.filter(|n| *n > 0).map(|n| format!("{at_most}{}", style::count(n)));
    vec![
        style::fit(&row.consumer_group, GROUP_MAX),
        if several { style::fit(&row.cluster, GROUP_MAX) } else { String::new() },
        if row.kind == "unknown" { String::new() } else { style::words(&row.kind) },
        style::fit(row.topic_name(), TOPIC_MAX),
        if shared { String::new() } else { known(row.lag_offsets) },
        known(row.lag_records),
        if row.topic.is_some() { age(row.lag_ms) } else { String::new() },
        waiting(row.waiting_events).unwrap_or_default(),
        waiting(row.waiting_conversations).unwrap_or_default(),
        row.waiting_value.map(|sum| format!("{at_most}{}", amount(sum))).unwrap_or_default(),
        pace(row.waits(), row.velocity, row.eta_ms),
        loses(row.loses_data_in_ms, row.lost_offsets),
        state(row),
    ]
}

fn age(ms: Option<i64>) -> String {
    ms.filter(|ms| *ms > 0).map_or_else(|| "-".to_owned(), span)
}

fn span(ms: i64) -> String {
    style::span(ms.saturating_mul(1000))
}

/// A sum: whole where it is large.
fn amount(sum: f64) -> String {
    match sum.abs() >= SUM_LARGE || sum.fract() == 0.0 {
        true => style::count(sum.round() as i64),
        false => format!("{sum:.2}"),
    }
}

/// When what waits will have been passed.
fn pace(waits: i64, velocity: Option<f64>, eta_ms: Option<i64>) -> String {
    let rate = velocity.map(|rate| format!("{rate:.1}/s"));
    match (waits, eta_ms, rate) {
        (..=0, _, _) | (_, None, None) => String::new(),
        (_, Some(ms), Some(rate)) => format!("in {} at {rate}", span(ms)),
        (_, Some(ms), None) => format!("in {}", span(ms)),
        (_, None, Some(rate)) => format!("no, at {rate}"),
    }
}

/// Whether retention takes what waits.
fn loses(in_ms: Option<i64>, lost: i64) -> String {
    match (lost, in_ms) {
        (1.., _) => format!("{} lost", style::count(lost)),
        (_, Some(..=0)) => "any time".to_owned(),
        (_, Some(ms)) => format!("in {}", span(ms)),
        (_, None) => String::new(),
    }
}

fn tone(row: &LagRow) -> Tone {
    match (row.in_trouble(), row.waits()) {
        (true, _) => Tone::Bad,
        (false, 0) => Tone::Plain,
        (false, _) => Tone::Warn,
    }
}

fn state(row: &LagRow) -> String {
    let state = style::words(&row.state);
    let partition = row.worst_partition.map(|n| format!(": partition {n}")).unwrap_or_default();
    match (row.state.as_str(), row.worst_committed_offset, row.waits()) {
        _ if row.in_trouble() => match row.worst_committed_offset {
            Some(offset) => format!("✗ {state}{partition} at offset {offset}"),
            None => format!("✗ {state}{partition}"),
        },
        ("denied" | "unknown" | "never_committed", _, _) => format!("? {state}{partition}"),
        ("no_offset_lag", _, _) => format!("• {state}"),
        _ if row.topic.is_none() => format!("• {state}, no offsets"),
        (_, None, _) => format!("? {state}{partition}"),
        (_, _, 0) => format!("✓ {state}, caught up"),
        (_, _, _) => format!("… {state}"),
    }
}

/// How old the figures are, how they were had, and what they leave out.
fn notes(rows: &[LagRow], look: &Look<'_>) -> String {
    let newest = rows.iter().map(|row| row.sampled_at).max().unwrap_or(look.now);
    let mut out = format!("\n  sampled {}; {}\n", style::ago(look.now, newest), resolution(rows));
    let _ = writeln!(out, "  passed = consumed, as far as Kafka can show: committed beyond it");
    let _ = writeln!(out, "  time lag is looked up from the records themselves");
    let counted = rows.iter().filter(|row| !row.is_shared());
    // What a group finished out of order is no hole.
    let in_order = counted.clone().filter(|row| row.in_order);
    let not_work = sum(in_order.filter_map(|row| Some(row.lag_offsets?.saturating_sub(row.lag_records?).max(0))));
    if not_work > 0 {
        let offsets = style::plural(not_work, "waiting offset");
        let _ = writeln!(out, "  no work stands behind {offsets}: markers, aborted records, holes");
    }
    let unseen = sum(counted.filter_map(|row| Some(row.lag_records?.saturating_sub(row.waiting_events?).max(0))));
    if unseen > 0 {
        let records = style::plural(unseen, "waiting record");
        let _ = writeln!(out, "  not seen by the tap: {records}, which events, conversations and values leave out");
    }
    if let Some(field) = rows.iter().find_map(|row| row.value_field.as_deref()) {
        let carried = sum(rows.iter().filter_map(|row| row.value_events));
        let of = style::plural(sum(rows.iter().filter_map(|row| row.waiting_events)), "waiting event");
        let field = style::fit(field, FIELD_MAX);
        let _ = writeln!(out, "  {field} is summed up over the {} of {of} that carry it", style::count(carried));
    }
    if rows.iter().any(|row| row.waiting_at_most) {
        let _ = writeln!(out, "  ≤: the group finishes records out of order and does not say which: less may wait");
    }
    if rows.iter().any(LagRow::is_shared) {
        let _ = writeln!(out, "  share groups acknowledge records one by one: records are those yet to be delivered");
    }
    out
}

fn sum(numbers: impl Iterator<Item = i64>) -> i64 {
    numbers.fold(0, i64::saturating_add)
}

fn resolution(rows: &[LagRow]) -> String {
    let known = || rows.iter().filter_map(|row| row.resolution_ms);
    match (known().min(), known().max()) {
        (Some(0), Some(0)) => "commit times are exact, from the log of commits".to_owned(),
        (Some(0), Some(ms)) => {
            format!("commit times are exact where the log of commits tells them, else to {}", span(ms))
        }
        (_, Some(ms)) => format!("commit times are known to {}, the time between two samples", span(ms)),
        (_, None) => "no commit was seen yet".to_owned(),
    }
}

//! Answers for people: failures, what an id can mean, and why an answer is empty.

use super::rows::{CoverageLine, FailureGroup, Match};
use super::seen::Seen;
use super::style::{self, Style, Tone};
use super::tree;
use crate::event::{Timestamp, clean};
use std::fmt::Write;

#[cfg(test)]
mod tests;

/// Kinds of failure on one screen.
const FAILURES_MAX: usize = 40;
/// Matches listed.
const MATCHES_MAX: usize = 20;
/// Columns for a group's name.
const GROUP_MAX: usize = 28;
/// Columns for a topic's name.
const TOPIC_MAX: usize = 40;
/// Columns for the type that a failure comes from.
const FROM_MAX: usize = 28;
/// Columns for the error, where the terminal has them.
const WHAT_MIN: usize = 24;

/// What an answer is drawn with.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Colours and width.
    pub style: &'a Style,
    /// The time that "12 s ago" is relative to.
    pub now: Timestamp,
    /// What the next command needs to reach the same database, such as ` --db demo.duckdb`; empty for the default.
    pub reach: &'a str,
}

/// The answer to `headwater failures`: one line a kind, the most frequent first.
pub fn failures(groups: &[FailureGroup], window: &str, coverage: &[CoverageLine], look: &Look<'_>) -> String {
    let Look { style, now, reach } = *look;
    let sum = |of: fn(&FailureGroup) -> i64| groups.iter().map(of).fold(0i64, i64::saturating_add);
    let kinds = style::plural(groups.len() as i64, "kind");
    let head = format!("{window} · {} of {kinds}", style::plural(sum(|g| g.failures), "failure"));
    let facts = format!(
        " · {} orphaned · {} unattended · coverage {}",
        style::count(sum(|g| g.orphaned)),
        style::count(sum(|g| g.unattended)),
        Seen::of(coverage, |_| true).share()
    );
    let mut out = format!("{}{facts}\n\n", style.paint(Tone::Strong, &head));
    let mut sorted: Vec<&FailureGroup> = groups.iter().collect();
    // What healed needs nobody: it stands below.
    let healed = |group: &FailureGroup| group.dead == 0 && group.retrying == 0;
    sorted.sort_by(|a, b| {
        let size = b.failures.cmp(&a.failures).then(b.last_time.cmp(&a.last_time));
        healed(a).cmp(&healed(b)).then(size)
    });
    let rows: Vec<[String; 6]> = sorted.iter().take(FAILURES_MAX).map(|g| failure_cells(g, now, style.width)).collect();
    let titles = ["count", "last", "group", "what", "from", "state"];
    let tones: Vec<Tone> = sorted.iter().map(|g| if g.dead > 0 { Tone::Bad } else { Tone::Warn }).collect();
    out.push_str(&grid(&titles, &rows, &tones, style));
    if sorted.len() > FAILURES_MAX {
        let _ = writeln!(out, "  … and {} more kinds; --json has all", sorted.len() - FAILURES_MAX);
    }
    if let Some(worst) = sorted.first() {
        let _ = writeln!(out, "\n  seen   {}", Seen::of(coverage, |_| true).sentence());
        let _ = writeln!(out, "         only failures that left a record are counted: a lower bound");
        let _ = writeln!(out, "  next   headwater trace {}{}", clean(&worst.sample), clean(reach));
    }
    out
}

fn failure_cells(group: &FailureGroup, now: Timestamp, columns: usize) -> [String; 6] {
    let what = tree::what(group.error_class.as_deref(), group.error_message.as_deref());
    let what = what.unwrap_or_else(|| "no error given".to_owned());
    let from = match (&group.root_type, &group.origin_topic, group.orphaned) {
        (Some(root), _, _) => root.clone(),
        (None, _, 1..) => "? orphaned".to_owned(),
        (None, Some(topic), _) => format!("a record of {topic}"),
        (None, None, _) => "? not known yet".to_owned(),
    };
    [
        style::count(group.failures),
        style::ago(now, group.last_time),
        style::fit(group.consumer_group.as_deref().unwrap_or("(unnamed)"), GROUP_MAX),
        style::fit(&what, columns.saturating_sub(76).max(WHAT_MIN)),
        style::fit(&from, FROM_MAX),
        states(group),
    ]
}

fn states(group: &FailureGroup) -> String {
    let states = [("✗", group.dead, "dead"), ("↻", group.retrying, "retrying"), ("✓", group.healed, "healed")];
    let texts: Vec<String> = states
        .iter()
        .filter(|(_, n, _)| *n > 0)
        .map(|(glyph, n, word)| format!("{glyph} {} {word}", style::count(*n)))
        .chain((group.orphaned > 0).then(|| format!("? {} orphaned", style::count(group.orphaned))))
        .collect();
    texts.join(", ")
}

/// Lines in columns. Numbers stand right, and the last column is painted.
pub(super) fn grid<const N: usize>(titles: &[&str; N], rows: &[[String; N]], tones: &[Tone], style: &Style) -> String {
    const RIGHT: [&str; 6] = ["count", "failed", "offsets", "records", "time", "age"];
    let widths: [usize; N] = std::array::from_fn(|at| {
        rows.iter().map(|row| style::width(&row[at])).chain([titles[at].len()]).max().unwrap_or(0)
    });
    let cell = |at: usize, text: &str| match RIGHT.contains(&titles[at]) {
        true => style::right(text, widths[at]),
        false => style::left(text, widths[at]),
    };
    let line = |cells: Vec<String>| format!("  {}", cells.join("  ").trim_end());
    let header = line((0..N).map(|at| cell(at, titles[at])).collect());
    let mut out = format!("{}\n", style.paint(Tone::Faint, &header));
    for (row, tone) in rows.iter().zip(tones) {
        let paint = |at: usize| match at + 1 == N {
            true => style.paint(*tone, &row[at]),
            false => cell(at, &row[at]),
        };
        out.push_str(&line((0..N).map(paint).collect()));
        out.push('\n');
    }
    out
}

/// Several events carry what was asked for: all of them, and nothing is guessed.
pub fn matches(asked: &str, matches: &[Match], look: &Look<'_>) -> String {
    let Look { style, reach, .. } = *look;
    let head = format!("`{}` is carried by {}", clean(asked), style::plural(matches.len() as i64, "event"));
    let mut conversations: Vec<i64> = matches.iter().map(|m| m.conversation).collect();
    conversations.sort_unstable();
    conversations.dedup();
    let of = style::plural(conversations.len() as i64, "conversation");
    let mut out = format!("{} of {of}:\n\n", style.paint(Tone::Strong, &head));
    let cells = |m: &Match| {
        [
            style::date_time(m.time),
            clean(&m.coordinates),
            style::words(&m.kind),
            style::fit(m.event_type.as_deref().unwrap_or("-"), TOPIC_MAX),
            style::words(&m.matched),
        ]
    };
    let rows: Vec<[String; 5]> = matches.iter().take(MATCHES_MAX).map(cells).collect();
    let tones = vec![Tone::Plain; rows.len()];
    out.push_str(&grid(&["time (UTC)", "event", "kind", "type", "matched by"], &rows, &tones, style));
    if matches.len() > MATCHES_MAX {
        let _ = writeln!(out, "  … and {} more; --json has all", matches.len() - MATCHES_MAX);
    }
    if let Some(first) = matches.first() {
        let _ = writeln!(out, "\n  next   headwater trace {}{}", clean(&first.coordinates), clean(reach));
    }
    out
}

/// Nothing was found: what the database holds, and what probably caused it.
pub fn nothing(sentence: &str, probably: &str, coverage: &[CoverageLine]) -> String {
    let seen = Seen::of(coverage, |_| true);
    let holds = match seen.partitions {
        0 => "the database holds no records: nothing was tapped or imported into it yet".to_owned(),
        _ => {
            let records = style::plural(seen.seen, "record");
            format!("the database holds {records}; seen: {}", seen.sentence())
        }
    };
    format!("{}\n  {holds}\n  {probably}\n", clean(sentence))
}

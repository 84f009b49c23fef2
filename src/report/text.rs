//! Answers for people: what an id can mean, and why an answer is empty.

use super::rows::{CoverageLine, Match};
use super::seen::Seen;
use super::style::{self, Style, Tone};
use crate::event::{Timestamp, clean};
use std::fmt::Write;

#[cfg(test)]
mod tests;

/// Matches listed.
const MATCHES_MAX: usize = 20;
/// Columns for a topic's name.
const TOPIC_MAX: usize = 40;

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

//! Answers for people: failures, lag, what an id can mean, and why an answer is empty.

use super::rows::{CoverageLine, FailureGroup, LagRow, Match};
use super::seen::Seen;
use super::style::{self, Style, Tone};
use super::tree;
use crate::event::{Timestamp, clean};
use std::collections::BTreeMap;
use std::fmt::Write;

#[cfg(test)]
mod tests;

/// Kinds of failure on one screen.
const FAILURES_MAX: usize = 40;
/// Lines of lag on one screen.
const LAG_MAX: usize = 60;
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

/// The answer to `headwater failures`: one line a kind, the most frequent first.
pub fn failures(groups: &[FailureGroup], window: &str, coverage: &[CoverageLine], look: (&Style, Timestamp)) -> String {
    let (style, now) = look;
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
    sorted.sort_by(|a, b| b.failures.cmp(&a.failures).then(b.last_time.cmp(&a.last_time)));
    let rows: Vec<[String; 6]> = sorted.iter().take(FAILURES_MAX).map(|g| failure_cells(g, now, style.width)).collect();
    let titles = ["count", "last", "group", "what", "from", "state"];
    let tones: Vec<Tone> = sorted.iter().map(|g| if g.dead > 0 { Tone::Bad } else { Tone::Warn }).collect();
    out.push_str(&grid(&titles, &rows, &tones, style));
    if sorted.len() > FAILURES_MAX {
        let _ = writeln!(out, "  … and {} more kinds; --json has all", sorted.len() - FAILURES_MAX);
    }
    if let Some(worst) = sorted.first() {
        let place = clean(&format!("{}/{}/{}", worst.topic, worst.partition, worst.offset));
        let _ = writeln!(out, "\n  seen   {}", Seen::of(coverage, |_| true).sentence());
        let _ = writeln!(out, "         only failures that left a record are counted: a lower bound");
        let _ = writeln!(out, "  next   headwater trace {place}");
    }
    out
}

fn failure_cells(group: &FailureGroup, now: Timestamp, columns: usize) -> [String; 6] {
    let class = group.error_class.as_deref().map(tree::short_class);
    let what = match (class, &group.error_message) {
        (Some(class), Some(text)) => format!("{class}: {text}"),
        (Some(class), None) => class.to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "no error given".to_owned(),
    };
    let root = group.root_type.as_ref().or(group.root_topic.as_ref());
    let from = match (root, &group.orphan_reason) {
        (Some(root), _) => root.clone(),
        (None, Some(reason)) => format!("? orphaned: {}", style::words(reason)),
        (None, None) => "? not known yet".to_owned(),
    };
    [
        style::count(group.failures),
        style::ago(now, group.last_time),
        style::fit(group.consumer_group.as_deref().unwrap_or("unknown"), GROUP_MAX),
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
        .collect();
    texts.join(", ")
}

/// The answer to `headwater lag`: one line a group and topic, those that wait longest first.
pub fn lag(rows: &[LagRow], look: (&Style, Timestamp)) -> String {
    let (style, now) = look;
    let mut lines: BTreeMap<(&str, &str), TopicLag<'_>> = BTreeMap::new();
    for row in rows {
        lines.entry((&row.consumer_group, &row.topic)).or_default().add(row);
    }
    let mut sorted: Vec<((&str, &str), TopicLag<'_>)> = lines.into_iter().collect();
    sorted.sort_by(|(a_name, a), (b_name, b)| {
        (b.bad.is_some(), b.ms, b.records).cmp(&(a.bad.is_some(), a.ms, a.records)).then(a_name.cmp(b_name))
    });
    let cells: Vec<[String; 7]> =
        sorted.iter().take(LAG_MAX).map(|((group, topic), lag)| lag_cells(group, topic, lag)).collect();
    let tones: Vec<Tone> = sorted.iter().map(|(_, lag)| lag.tone()).collect();
    let titles = ["group", "topic", "offsets", "records", "time", "waiting work", "state"];
    let mut out = grid(&titles, &cells, &tones, style);
    if sorted.len() > LAG_MAX {
        let _ = writeln!(out, "  … and {} more; --json has all", sorted.len() - LAG_MAX);
    }
    let resolution = rows.iter().map(|row| row.resolution_ms).max().unwrap_or(0);
    let newest = rows.iter().map(|row| row.sampled_at).max().unwrap_or(now);
    let not_work = sorted.iter().map(|(_, lag)| lag.offsets.saturating_sub(lag.records)).fold(0, i64::saturating_add);
    let _ = writeln!(
        out,
        "\n  time lag is looked up from the records themselves; sampled {}, known to {}",
        style::ago(now, newest),
        style::span(resolution.saturating_mul(1000)),
    );
    if not_work > 0 {
        let _ =
            writeln!(out, "  {} of the offsets are not work: markers, aborted records, holes", style::count(not_work));
    }
    out
}

/// One group on one topic: its partitions added up.
#[derive(Default)]
struct TopicLag<'a> {
    offsets: i64,
    records: i64,
    ms: i64,
    events: i64,
    conversations: i64,
    unknown: usize,
    partitions: usize,
    state: Option<&'a str>,
    bad: Option<&'a LagRow>,
}

impl<'a> TopicLag<'a> {
    fn add(&mut self, row: &'a LagRow) {
        self.partitions += 1;
        self.unknown += usize::from(row.lag_offsets.is_none());
        self.offsets = self.offsets.saturating_add(row.lag_offsets.unwrap_or(0));
        // Where records cannot be told from markers, Kafka's number is the upper bound.
        let records = row.lag_records.or(row.lag_offsets).unwrap_or(0);
        self.records = self.records.saturating_add(records);
        self.ms = self.ms.max(row.lag_ms.unwrap_or(0));
        self.events = self.events.saturating_add(row.waiting_events.unwrap_or(0));
        self.conversations = self.conversations.saturating_add(row.waiting_conversations.unwrap_or(0));
        if matches!(row.state.as_str(), "stuck" | "stalled" | "rewound" | "blocked_by_transaction")
            && self.bad.is_none_or(|bad| bad.lag_ms < row.lag_ms)
        {
            self.bad = Some(row);
        }
        self.state.get_or_insert(&row.state);
    }

    fn tone(&self) -> Tone {
        match (self.bad, self.records) {
            (Some(_), _) => Tone::Bad,
            (None, 0) => Tone::Plain,
            (None, _) => Tone::Warn,
        }
    }

    fn state(&self) -> String {
        match self.bad {
            Some(bad) => format!(
                "✗ {}: partition {} stands at offset {}",
                style::words(&bad.state),
                bad.partition,
                bad.committed_offset.map_or_else(|| "unknown".to_owned(), |offset| offset.to_string()),
            ),
            None if self.unknown == self.partitions => "? never committed".to_owned(),
            None if self.records == 0 => format!("✓ {}, caught up", style::words(self.state.unwrap_or("unknown"))),
            None => format!("… {}", style::words(self.state.unwrap_or("unknown"))),
        }
    }
}

fn lag_cells(group: &str, topic: &str, lag: &TopicLag<'_>) -> [String; 7] {
    let work = match (lag.events, lag.conversations) {
        (0, _) => String::new(),
        (events, 0) => style::plural(events, "event"),
        (events, conversations) => {
            format!("{} of {}", style::plural(events, "event"), style::plural(conversations, "conversation"))
        }
    };
    [
        style::fit(group, GROUP_MAX),
        style::fit(topic, TOPIC_MAX),
        style::count(lag.offsets),
        style::count(lag.records),
        if lag.ms > 0 { style::span(lag.ms.saturating_mul(1000)) } else { "-".to_owned() },
        work,
        lag.state(),
    ]
}

/// Lines in columns. Numbers stand right, and the last column is painted.
fn grid<const N: usize>(titles: &[&str; N], rows: &[[String; N]], tones: &[Tone], style: &Style) -> String {
    const RIGHT: [&str; 5] = ["count", "offsets", "records", "time", "age"];
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
pub fn matches(asked: &str, matches: &[Match], style: &Style) -> String {
    let head = format!("`{}` is carried by {}", clean(asked), style::plural(matches.len() as i64, "event"));
    let mut conversations: Vec<i64> = matches.iter().map(|m| m.conversation).collect();
    conversations.sort_unstable();
    conversations.dedup();
    let of = style::plural(conversations.len() as i64, "conversation");
    let mut out = format!("{} of {of}:\n\n", style.paint(Tone::Strong, &head));
    let rows: Vec<[String; 4]> = matches
        .iter()
        .take(MATCHES_MAX)
        .map(|m| {
            [
                style::date_time(m.time),
                clean(&format!("{}/{}/{}", m.topic, m.partition, m.offset)),
                style::words(&m.kind),
                style::fit(m.event_type.as_deref().unwrap_or("-"), TOPIC_MAX),
            ]
        })
        .collect();
    let tones = vec![Tone::Plain; rows.len()];
    out.push_str(&grid(&["time (UTC)", "event", "kind", "type"], &rows, &tones, style));
    if matches.len() > MATCHES_MAX {
        let _ = writeln!(out, "  … and {} more; --json has all", matches.len() - MATCHES_MAX);
    }
    if let Some(first) = rows.first() {
        let _ = writeln!(out, "\n  next   headwater trace {}", first[1]);
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

//! One group: its partitions, what waits by type, and the events that wait.

use super::sheet::{self, number, words};
use super::{FIELD_MAX, TOPIC_MAX, age, amount, loses, notes, pace};
use crate::event::clean;
use crate::report::rows::{GroupLine, LagRow, PartitionProgress, RewindLine, WaitingEvent, WaitingType};
use crate::report::style::{self, Tone};
use crate::report::text::Look;
use std::fmt::Write;

/// Partitions on one screen.
const PARTITIONS_MAX: usize = 40;
/// Types on one screen.
const TYPES_MAX: usize = 20;
/// Waiting events on one screen.
const EVENTS_MAX: usize = 20;
/// Rewinds on one screen.
const REWINDS_MAX: usize = 10;
/// Columns for an id.
const ID_MAX: usize = 40;

/// The answers about one group.
#[derive(Debug, Clone, Copy)]
pub struct GroupAnswers<'a> {
    /// What it is, one a cluster.
    pub groups: &'a [GroupLine],
    /// How it stands, one a topic.
    pub lag: &'a [LagRow],
    /// Its partitions, the worst first.
    pub partitions: &'a [PartitionProgress],
    /// What waits, by type.
    pub types: &'a [WaitingType],
    /// The events that wait, the oldest first; not all, where there are many.
    pub waiting: &'a [WaitingEvent],
    /// Its rewinds, the latest first.
    pub rewinds: &'a [RewindLine],
}

/// The answer to `headwater lag GROUP`.
pub fn group(name: &str, answers: &GroupAnswers<'_>, look: &Look<'_>) -> String {
    let mut out = head(name, answers, look);
    let rows: Vec<&LagRow> = answers.lag.iter().collect();
    out.push_str(&partitions(answers, look));
    out.push_str(&super::advice::lines(&rows, look));
    out.push_str(&types(answers, look));
    out.push_str(&events(answers, look));
    out.push_str(&rewinds(answers, look));
    out.push_str(&notes(answers.lag, look));
    if let Some(first) = answers.waiting.first() {
        let _ = writeln!(out, "  next   headwater trace {}{}", clean(&first.coordinates), clean(look.reach));
    }
    out
}

fn head(name: &str, answers: &GroupAnswers<'_>, look: &Look<'_>) -> String {
    let told = |group: &GroupLine| {
        let members = group.members.map(|n| style::plural(n, "member"));
        let phase =
            if group.denied { Some("may not be read".to_owned()) } else { group.phase.as_deref().map(style::words) };
        let kind = (group.kind != "unknown").then(|| format!("{} group", style::words(&group.kind)));
        let parts: Vec<String> = [kind, phase, members].into_iter().flatten().collect();
        match answers.groups.len() {
            1 => parts.join(" · "),
            _ => format!("{}: {}", style::fit(&group.cluster, TOPIC_MAX), parts.join(", ")),
        }
    };
    let facts: Vec<String> = answers.groups.iter().map(told).filter(|fact| !fact.is_empty()).collect();
    let facts = if facts.is_empty() { String::new() } else { format!(" · {}", facts.join(" · ")) };
    let topics = style::plural(answers.lag.iter().filter(|row| row.topic.is_some()).count() as i64, "topic");
    format!("{}{facts} · reads {topics}\n\n", look.style.paint(Tone::Strong, &clean(name)))
}

fn partitions(answers: &GroupAnswers<'_>, look: &Look<'_>) -> String {
    if answers.partitions.is_empty() {
        return "  no partition of it is known: it committed nothing and none is assigned to it\n".to_owned();
    }
    let columns = [
        words("cluster", 0),
        words("partition", 0),
        number("committed", 2),
        number("log end", 3),
        number("offsets", 4),
        number("records", 0),
        number("time", 0),
        words("done beyond", 5),
        words("catches up", 2),
        words("loses data", 1),
        words("state", 0),
    ];
    let lines: Vec<(Tone, Vec<String>)> =
        answers.partitions.iter().take(PARTITIONS_MAX).map(|row| partition(row, several(answers))).collect();
    let mut out = sheet::draw(&columns, &lines, look.style);
    out.push_str(&more(answers.partitions.len(), PARTITIONS_MAX));
    out
}

fn partition(row: &PartitionProgress, several: bool) -> (Tone, Vec<String>) {
    let known = |n: Option<i64>| n.map_or_else(|| "?".to_owned(), style::count);
    let waits = row.lag_records.or(row.lag_offsets).unwrap_or(0);
    let state = style::words(&row.state);
    let (tone, state) = match (LagRow::is_trouble(&row.state), row.stands_at.or(row.committed_offset), waits) {
        (true, Some(offset), _) => (Tone::Bad, format!("✗ {state} at offset {offset}")),
        (true, None, _) => (Tone::Bad, format!("✗ {state}")),
        _ if row.state == "no_offset_lag" => (Tone::Plain, format!("• {state}")),
        (false, None, _) => (Tone::Warn, format!("? {state}")),
        (false, _, 0) => (Tone::Plain, format!("✓ {state}, caught up")),
        (false, _, _) => (Tone::Warn, format!("… {state}")),
    };
    let cells = vec![
        cluster(&row.cluster, several),
        format!("{}/{}", style::fit(&row.topic, TOPIC_MAX), row.partition),
        known(row.committed_offset),
        known(row.log_end_offset),
        known(row.lag_offsets),
        known(row.lag_records),
        age(row.lag_ms),
        beyond(row.beyond.as_deref()),
        pace(waits, row.velocity, row.eta_ms),
        loses(row.loses_data_in_ms, 0),
        state,
    ];
    (tone, cells)
}

/// Groups of one name on several clusters are told apart.
fn several(answers: &GroupAnswers<'_>) -> bool {
    super::several_clusters(answers.lag)
}

fn cluster(name: &str, several: bool) -> String {
    if several { style::fit(name, TOPIC_MAX) } else { String::new() }
}

fn beyond(text: Option<&str>) -> String {
    match text {
        None => String::new(),
        Some("?") => "not known".to_owned(),
        Some(ranges) => style::fit(ranges, super::GROUP_MAX),
    }
}

fn types(answers: &GroupAnswers<'_>, look: &Look<'_>) -> String {
    if answers.types.is_empty() {
        return String::new();
    }
    let field = answers.types.iter().find_map(|row| row.value_field.as_deref()).unwrap_or("value");
    let field = style::fit(field, FIELD_MAX);
    let columns = [
        number("events", 0),
        words("type", 0),
        words("cluster", 0),
        words("topic", 1),
        number("conversations", 2),
        number(&field, 0),
        words("carried by", 3),
        number("oldest", 0),
    ];
    let line = |row: &WaitingType| {
        let carried = row.value_events.map(|n| format!("{} of {}", style::count(n), style::count(row.events)));
        let cells = vec![
            style::count(row.events),
            style::fit(row.event_type.as_deref().unwrap_or("(no type)"), TOPIC_MAX),
            cluster(&row.cluster, several(answers)),
            style::fit(&row.topic, TOPIC_MAX),
            style::count(row.conversations),
            row.value.map(amount).unwrap_or_default(),
            carried.unwrap_or_default(),
            super::span(row.oldest_ms),
        ];
        (Tone::Plain, cells)
    };
    let lines: Vec<(Tone, Vec<String>)> = answers.types.iter().take(TYPES_MAX).map(line).collect();
    format!(
        "\n{}\n{}{}",
        look.style.paint(Tone::Strong, "what waits, by type"),
        sheet::draw(&columns, &lines, look.style),
        more(answers.types.len(), TYPES_MAX)
    )
}

fn events(answers: &GroupAnswers<'_>, look: &Look<'_>) -> String {
    if answers.waiting.is_empty() {
        return String::new();
    }
    let field = answers.types.iter().find_map(|row| row.value_field.as_deref()).unwrap_or("value");
    let field = style::fit(field, FIELD_MAX);
    let columns = [
        number("waited", 0),
        words("cluster", 0),
        words("event", 0),
        words("type", 1),
        number(&field, 2),
        words("time (UTC)", 3),
        words("id", 4),
    ];
    let line = |row: &WaitingEvent| {
        let cells = vec![
            super::span(row.age_ms),
            cluster(&row.cluster, several(answers)),
            clean(&row.coordinates),
            style::fit(row.event_type.as_deref().unwrap_or("-"), TOPIC_MAX),
            row.value.map(amount).unwrap_or_default(),
            style::date_time(row.time),
            style::fit(row.id.as_deref().unwrap_or_default(), ID_MAX),
        ];
        (Tone::Plain, cells)
    };
    let lines: Vec<(Tone, Vec<String>)> = answers.waiting.iter().take(EVENTS_MAX).map(line).collect();
    let counted = answers.types.iter().map(|row| row.events).fold(0i64, i64::saturating_add);
    // A running tap reads on between two questions.
    let all = counted.max(answers.waiting.len() as i64);
    let shown = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let listed = style::count(answers.waiting.len() as i64);
    let rest = match all > shown {
        true => format!("  … and {} more; --json lists {listed}\n", style::count(all - shown)),
        false => String::new(),
    };
    let head = look.style.paint(Tone::Strong, "what waits, oldest first");
    format!("\n{head}\n{}{rest}", sheet::draw(&columns, &lines, look.style))
}

fn rewinds(answers: &GroupAnswers<'_>, look: &Look<'_>) -> String {
    if answers.rewinds.is_empty() {
        return String::new();
    }
    let columns = [
        words("when", 0),
        words("cluster", 0),
        words("partition", 0),
        number("from", 0),
        number("to", 0),
        words("read again", 0),
    ];
    let line = |row: &RewindLine| {
        let cells = vec![
            style::ago(look.now, row.not_after),
            cluster(&row.cluster, several(answers)),
            format!("{}/{}", style::fit(&row.topic, TOPIC_MAX), row.partition),
            style::count(row.from_offset),
            style::count(row.to_offset),
            style::plural(row.from_offset.saturating_sub(row.to_offset), "offset"),
        ];
        (Tone::Plain, cells)
    };
    let lines: Vec<(Tone, Vec<String>)> = answers.rewinds.iter().take(REWINDS_MAX).map(line).collect();
    let head = look.style.paint(Tone::Strong, "went back");
    format!("\n{head}\n{}{}", sheet::draw(&columns, &lines, look.style), more(answers.rewinds.len(), REWINDS_MAX))
}

fn more(all: usize, shown: usize) -> String {
    match all > shown {
        true => format!("  … and {} more; --json has them\n", all - shown),
        false => String::new(),
    }
}

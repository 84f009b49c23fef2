//! What a bad state means, and what to do next.

use crate::event::clean;
use crate::report::rows::LagRow;
use crate::report::style::{self, Tone};
use crate::report::text::Look;
use std::fmt::Write;

/// Groups that are explained; the table shows the others.
const ADVICE_MAX: usize = 8;
/// Groups that are named when they cannot be read.
const DENIED_MAX: usize = 5;
/// Less time than this until records are deleted wants a look today, ms: one day.
const SOON_MS: i64 = 86_400_000;
/// Columns for a name in a sentence.
const NAME_MAX: usize = 60;

/// One or two lines for each group that wants a look, the worst first.
pub(super) fn lines(sorted: &[&LagRow], look: &Look<'_>) -> String {
    let mut out = String::new();
    let mut told = 0;
    for row in sorted {
        let sentences = [about_state(row), about_retention(row)];
        let mut said = sentences.into_iter().flatten().peekable();
        if said.peek().is_none() {
            continue;
        }
        told += 1;
        if told > ADVICE_MAX {
            continue;
        }
        let tone = if row.in_trouble() { Tone::Bad } else { Tone::Warn };
        for sentence in said {
            let _ = writeln!(out, "  {} {sentence}", look.style.paint(tone, if row.in_trouble() { "✗" } else { "!" }));
        }
        if let Some(place) = row.coordinates.as_ref().filter(|_| row.state == "stuck") {
            let _ = writeln!(out, "    headwater explain {}{}", clean(place), clean(look.reach));
        }
    }
    if told > ADVICE_MAX {
        let _ = writeln!(out, "  … and {} more that want a look", told - ADVICE_MAX);
    }
    out.push_str(&denied(sorted));
    if out.is_empty() { out } else { format!("\n{out}") }
}

fn about_state(row: &LagRow) -> Option<String> {
    let group = style::fit(&row.consumer_group, NAME_MAX);
    let topic = style::fit(row.topic_name(), NAME_MAX);
    let partition = row.worst_partition.map_or_else(String::new, |n| format!(" on partition {n}"));
    let records = style::plural(row.waits(), "record");
    let place = row.coordinates.as_deref().map_or_else(|| topic.clone(), |place| style::fit(place, 2 * NAME_MAX));
    Some(match row.state.as_str() {
        "stuck" if row.in_order => format!(
            "{group} is stuck at {place} while it goes on elsewhere: possible poison, since it commits in order and \
             all behind it waits"
        ),
        "stuck" => format!("{group} is stuck at {place} while it goes on elsewhere"),
        "blocked_by_transaction" => format!(
            "{group} on {topic}: an open transaction holds back readers of committed records{partition}; find it with \
             kafka-transactions.sh find-hanging and abort it"
        ),
        "rewound" => {
            let to = row.worst_committed_offset.map_or_else(String::new, |to| format!(" to offset {to}"));
            format!(
                "{group} on {topic} went back{to}{partition}: what lies between is read again; passed counts it once"
            )
        }
        "stalled" => format!(
            "{group} on {topic}: {records} wait and nothing was committed for a while; look at {}",
            members(row.members)
        ),
        "dead" if row.waits() > 0 => {
            format!(
                "the broker knows {group} no more: {records} on {topic} wait until somebody commits under this name"
            )
        }
        "empty" if row.waits() > 0 => format!("{group} has no members: {records} on {topic} wait until one starts"),
        "never_committed" if row.topic.is_none() => {
            format!("{group} has members, and committed nothing that can be seen")
        }
        "never_committed" => format!(
            "{group} reads {topic} and never committed on {} (of {}): where it begins there is its own setting \
             (auto.offset.reset)",
            style::plural(row.partitions.saturating_sub(row.partitions_known), "partition"),
            style::count(row.partitions)
        ),
        _ => return None,
    })
}

fn members(n: Option<i64>) -> String {
    match n {
        Some(1) => "its one member".to_owned(),
        Some(n) => format!("its {}", style::plural(n, "member")),
        None => "its members".to_owned(),
    }
}

fn about_retention(row: &LagRow) -> Option<String> {
    let (group, topic) = (style::fit(&row.consumer_group, NAME_MAX), style::fit(row.topic_name(), NAME_MAX));
    let lost = (row.lost_offsets > 0).then(|| {
        format!("{} of {topic} were deleted before {group} passed them", style::plural(row.lost_offsets, "offset"))
    });
    let soon = row.loses_data_in_ms.filter(|ms| *ms < SOON_MS).map(|ms| match ms {
        ..=0 => format!("the oldest record that waits for {group} on {topic} may be deleted any time"),
        ms => format!("the oldest record that waits for {group} on {topic} may be deleted in {}", super::span(ms)),
    });
    let next = "keep the topic's records longer (retention.ms), or let the group catch up";
    match (lost, soon) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(format!("{one}; {next}")),
        (Some(lost), Some(soon)) => Some(format!("{lost}, and {soon}; {next}")),
    }
}

fn denied(sorted: &[&LagRow]) -> String {
    let names: Vec<String> = sorted
        .iter()
        .filter(|row| row.state == "denied")
        .map(|row| style::fit(&row.consumer_group, NAME_MAX))
        .collect();
    if names.is_empty() {
        return String::new();
    }
    let more = names.len().saturating_sub(DENIED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown = names[..names.len().min(DENIED_MAX)].join(", ");
    let groups = style::plural(names.len() as i64, "group");
    format!("  ? {groups} may not be read: {shown}{more}; grant DESCRIBE on them, `headwater check` shows how\n")
}

/// The command that tells all of one group, as it can be typed into a shell: whoever names a group does not choose what
/// runs.
pub(super) fn command(name: &str, reach: &str) -> String {
    let (name, reach) = (clean(name), clean(reach));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@' | '+');
    match !name.is_empty() && name.chars().all(plain) && !name.starts_with('-') {
        true => format!("headwater lag {name}{reach}"),
        false => format!("headwater lag{reach} -- '{}'", name.replace('\'', r"'\''")),
    }
}

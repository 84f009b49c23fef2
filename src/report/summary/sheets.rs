//! The sheets of a report: failures, groups behind, topics, passed by group, what was not seen.

use super::Summary;
use super::page::{Block, Piece, Sheet, Side};
use super::window::{moment, near};
use super::words::{self, number, share};
use crate::report::rows::{CountRow, Deleted, FailureGroup, LagRow, NotSeen};
use crate::report::style::{self, Tone};
use crate::report::tree;

/// Kinds of failure listed.
const FAILURES_MAX: usize = 25;
/// Groups behind listed.
const LAG_MAX: usize = 25;
/// Topics listed.
const TOPICS_MAX: usize = 60;
/// Groups on topics listed.
const PASSED_MAX: usize = 80;
/// Topics and reasons of what was not seen listed.
const NOT_SEEN_MAX: usize = 30;
/// Classes of topics that carry Kafka's and its libraries' own records: no headline counts them.
const NOT_BUSINESS: [&str; 3] = ["internal", "changelog", "repartition"];

/// The first `most` rows as cells, and what to say of the rest.
pub(super) fn limited<T>(
    rows: &[T],
    most: usize,
    one: &str,
    cells: impl Fn(&T) -> Vec<Piece>,
) -> (Vec<Vec<Piece>>, Option<String>) {
    let rest = rows.len().saturating_sub(most) as i64;
    let more =
        (rest > 0).then(|| format!("… and {}; --format json has all", style::plural(rest, &format!("more {one}"))));
    (rows.iter().take(most).map(cells).collect(), more)
}

/// What an error says of itself.
pub(super) fn what(class: Option<&str>, message: Option<&str>) -> Piece {
    tree::what(class, message).map_or_else(|| Piece::plain("no error given"), Piece::Name)
}

/// Failures by kind, the most frequent first, and the command for the first of them.
pub(super) fn failures(summary: &Summary) -> Vec<Block> {
    let (rows, more) = limited(&summary.failures, FAILURES_MAX, "kind", |group| failure(group, summary));
    let columns = vec![
        ("count", Side::Right),
        ("trend", Side::Spare),
        ("last", Side::Spare),
        ("group", Side::Left),
        ("what", Side::Left),
        ("from", Side::Left),
        ("state", Side::Whole),
        ("latest record", Side::Spare),
    ];
    // What was given up wants a look before what was healed.
    let worst = summary.failures.iter().find(|group| group.dead > 0).or_else(|| summary.failures.first());
    let Some(worst) = worst else {
        let none = "No failure was seen: no dead letter, no retry, no fault. What fails without a record is not seen.";
        return vec![Block::Heading("Failures by kind"), Block::Note(vec![Piece::plain(none)])];
    };
    let command = format!("headwater trace {}{}", worst.sample, summary.asked.reach);
    vec![
        Block::Heading("Failures by kind"),
        Block::Sheet(Sheet { caption: "Failures by kind", columns, rows, more }),
        Block::Note(vec![Piece::plain("Trace any of them to its source, first of all: "), Piece::Command(command)]),
    ]
}

fn failure(group: &FailureGroup, summary: &Summary) -> Vec<Piece> {
    let from = match (&group.root_type, &group.origin_topic, group.orphaned) {
        (Some(root), _, _) => Piece::name(root.clone()),
        (None, _, 1..) => Piece::plain("? orphaned"),
        (None, Some(topic), _) => Piece::name(topic.clone()),
        (None, None, _) => Piece::plain("? not known yet"),
    };
    vec![
        number(Some(group.failures)),
        Piece::Trend(group.trend.clone()),
        Piece::plain(near(group.last_time, &summary.asked.window)),
        group.consumer_group.clone().map_or_else(|| Piece::plain("(unnamed)"), Piece::Name),
        what(group.error_class.as_deref(), group.error_message.as_deref()),
        from,
        states(group),
        Piece::name(group.sample.clone()),
    ]
}

fn states(group: &FailureGroup) -> Piece {
    let glyph = match (group.dead, group.retrying) {
        (1.., _) => "✗",
        (_, 1..) => "↻",
        _ => "✓",
    };
    let tone = match (group.dead, group.retrying) {
        (1.., _) => Tone::Bad,
        (_, 1..) => Tone::Warn,
        _ => Tone::Good,
    };
    let parts = [
        (group.dead, "dead"),
        (group.retrying, "retrying"),
        (group.healed, "healed"),
        (group.orphaned, "orphaned"),
        (group.unattended, "unattended"),
    ];
    Piece::Toned(tone, format!("{glyph} {}", words::parts(&parts)))
}

/// Groups that are behind or in trouble, as of the last sample: lag has no window.
pub(super) fn lag(summary: &Summary) -> Vec<Block> {
    let behind: Vec<&LagRow> = summary.lag.iter().filter(|row| row.in_trouble() || row.waits() > 0).collect();
    let Some(sampled) = summary.lag.iter().map(|row| row.sampled_at).max() else {
        let none = "No consumer group was seen on these topics.";
        return vec![Block::Heading("Groups behind"), Block::Note(vec![Piece::plain(none)])];
    };
    let when = format!("As of {}, whatever the window.", moment(sampled));
    if behind.is_empty() {
        let groups: std::collections::BTreeSet<&str> =
            summary.lag.iter().map(|row| row.consumer_group.as_str()).collect();
        let none = format!("Nobody is behind: {} caught up. {when}", style::plural(groups.len() as i64, "group"));
        return vec![Block::Heading("Groups behind"), Block::Note(vec![Piece::plain(none)])];
    }
    let (rows, more) = limited(&behind, LAG_MAX, "group", |row| lag_cells(row));
    let columns = vec![
        ("group", Side::Left),
        ("topic", Side::Left),
        ("offsets", Side::SpareRight),
        ("records", Side::Right),
        ("oldest", Side::Right),
        ("state", Side::Whole),
    ];
    vec![
        Block::Heading("Groups behind"),
        Block::Sheet(Sheet { caption: "Consumer groups behind", columns, rows, more }),
        Block::Note(vec![Piece::plain(format!(
            "{when} Records are what waits; offsets also count markers and holes."
        ))]),
    ]
}

fn lag_cells(row: &LagRow) -> Vec<Piece> {
    let known = |n: Option<i64>| n.map_or_else(|| Piece::plain("?"), |n| number(Some(n)));
    let state = style::words(&row.state);
    let state = match (row.in_trouble(), row.worst_partition, row.worst_committed_offset) {
        (true, Some(partition), Some(offset)) => {
            Piece::Toned(Tone::Bad, format!("✗ {state}: partition {partition} at offset {offset}"))
        }
        (true, Some(partition), None) => Piece::Toned(Tone::Bad, format!("✗ {state}: partition {partition}")),
        (true, None, _) => Piece::Toned(Tone::Bad, format!("✗ {state}")),
        (false, _, _) => Piece::Toned(Tone::Warn, format!("… {state}")),
    };
    vec![
        Piece::name(row.consumer_group.clone()),
        Piece::name(row.topic_name().to_owned()),
        known(row.lag_offsets),
        known(row.lag_records),
        row.lag_ms.filter(|ms| *ms > 0).map_or_else(|| Piece::plain("–"), |ms| Piece::plain(words::took_ms(ms))),
        state,
    ]
}

fn is_counted(row: &CountRow) -> bool {
    // A topic that only failures name has no class.
    row.class.as_deref().is_none_or(|class| !NOT_BUSINESS.contains(&class))
}

/// Topics with anything in the window, the busiest first.
pub(super) fn topics(summary: &Summary) -> Vec<Block> {
    let of_topics = || summary.counts.iter().filter(|row| row.consumer_group.is_none() && is_counted(row));
    let heard = |row: &&CountRow| row.received > 0 || row.failed > 0 || row.retried > Some(0);
    let mut rows: Vec<&CountRow> = of_topics().filter(heard).collect();
    rows.sort_by(|a, b| b.received.cmp(&a.received).then_with(|| (&a.cluster, &a.topic).cmp(&(&b.cluster, &b.topic))));
    let quiet = of_topics().count().saturating_sub(rows.len()) as i64;
    let several = summary.clusters().len() > 1;
    let (rows, more) = limited(&rows, TOPICS_MAX, "topic", |row| topic(row, several));
    let mut blocks = vec![Block::Heading("Topics")];
    let columns = vec![
        ("topic", Side::Left),
        ("received", Side::Right),
        ("failed", Side::Right),
        ("healed", Side::SpareRight),
        ("retries", Side::Right),
        ("waiting", Side::Right),
        ("orphaned", Side::Right),
        ("unlinked", Side::SpareRight),
        ("seen", Side::Right),
    ];
    if !rows.is_empty() {
        blocks.push(Block::Sheet(Sheet { caption: "Events by topic", columns, rows, more }));
    }
    let quiet = match quiet {
        0 => String::new(),
        n => format!("{} had no event in this window. ", style::plural(n, "topic")),
    };
    blocks.push(Block::Note(vec![Piece::plain(format!(
        "{quiet}Failed and healed: events of this topic that a group failed on. Waiting: the cause was not seen yet. \
         Orphaned: the cause is lost. Unlinked: names no cause. Seen: share of all offsets since reading began."
    ))]));
    blocks
}

fn topic(row: &CountRow, several_clusters: bool) -> Vec<Piece> {
    let name = if several_clusters { format!("{}: {}", row.cluster, row.topic) } else { row.topic.clone() };
    vec![
        Piece::Name(name),
        number(Some(row.received)),
        failed(row),
        number(Some(row.healed)),
        number(row.retried),
        number(row.waiting),
        number(row.orphaned),
        number(row.unlinked),
        row.coverage.map_or_else(|| Piece::plain("–"), |ratio| Piece::plain(share(ratio, 2))),
    ]
}

fn failed(row: &CountRow) -> Piece {
    match row.failed {
        0 => number(Some(0)),
        n => Piece::Toned(Tone::Bad, style::count(n)),
    }
}

/// How much of the window's events each group has passed.
pub(super) fn passed(summary: &Summary) -> Vec<Block> {
    let heard = |row: &&CountRow| row.received > 0 || row.passed > Some(0) || row.failed > 0;
    let mut rows: Vec<&CountRow> =
        summary.counts.iter().filter(|row| row.consumer_group.is_some() && is_counted(row)).filter(heard).collect();
    rows.sort_by_key(|row| (row.consumer_group.clone(), row.cluster.clone(), row.topic.clone()));
    if rows.is_empty() {
        return Vec::new();
    }
    let (rows, more) = limited(&rows, PASSED_MAX, "group", |row| {
        vec![
            row.consumer_group.clone().map_or_else(|| Piece::plain(""), Piece::Name),
            Piece::name(row.topic.clone()),
            number(Some(row.received)),
            number(row.passed),
            failed(row),
            number(Some(row.healed)),
        ]
    });
    let columns = vec![
        ("group", Side::Left),
        ("topic", Side::Left),
        ("received", Side::Right),
        ("passed", Side::Right),
        ("failed", Side::Right),
        ("healed", Side::Right),
    ];
    vec![
        Block::Heading("Passed by group"),
        Block::Sheet(Sheet { caption: "Events passed by consumer group", columns, rows, more }),
        Block::Note(vec![Piece::plain(
            "Of the events of this window, whenever they were passed. Passed includes failed.",
        )]),
    ]
}

/// What was not seen, and why.
pub(super) fn not_seen(summary: &Summary) -> Vec<Block> {
    let mut blocks = vec![Block::Heading("What was not seen")];
    let (rows, more) = limited(&summary.not_seen, NOT_SEEN_MAX, "reason", |row: &NotSeen| {
        let lost = match row.lost {
            true => Piece::Toned(Tone::Warn, "! may have held events".to_owned()),
            false => Piece::plain("held no event"),
        };
        vec![
            Piece::name(row.topic.clone()),
            number(Some(row.missing)),
            Piece::plain(style::words(&row.reason)),
            number(Some(row.partitions)),
            lost,
        ]
    });
    let columns = vec![
        ("topic", Side::Left),
        ("offsets", Side::Right),
        ("reason", Side::Whole),
        ("partitions", Side::Right),
        ("what that means", Side::Whole),
    ];
    if rows.is_empty() {
        let all = "Nothing is missing between where reading began and where it stands now.";
        blocks.push(Block::Note(vec![Piece::plain(all)]));
    } else {
        blocks.push(Block::Sheet(Sheet { caption: "Offsets without an event that was seen", columns, rows, more }));
    }
    blocks.extend(summary.deleted.as_ref().and_then(deleted));
    blocks
}

/// What was seen and is gone: numbers hold it, and traces do not.
fn deleted(deleted: &Deleted) -> Option<Block> {
    let before = moment(deleted.last_seen?);
    let events = style::plural(deleted.events, "event");
    Some(Block::Note(vec![Piece::plain(format!(
        "{events} seen up to {before} were deleted by retention: counts and failures still hold them, traces and \
         business flows do not."
    ))]))
}

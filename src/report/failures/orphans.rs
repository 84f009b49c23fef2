//! Failures and events whose way back to a root is broken: by reason, and what to do about each.

use super::{Format, command_line, gap, note, render};
use crate::report::rows::{CoverageLine, Orphan};
use crate::report::seen::Seen;
use crate::report::style::{self, Tone};
use crate::report::summary::page::{Block, Page, Piece, Sheet, Side};
use crate::report::text::Look;
use crate::report::tree;
use std::collections::BTreeMap;

/// Orphans on one screen, for each of failures and events.
const ORPHANS_MAX: usize = 20;

/// The answer to `headwater failures --orphans`; `window` in words.
pub fn orphans(rows: &[Orphan], window: &str, coverage: &[CoverageLine], look: &Look<'_>, format: Format) -> String {
    let (failures, events): (Vec<&Orphan>, Vec<&Orphan>) = rows.iter().partition(|row| row.what == "failure");
    let title = format!(
        "{window} · {} with a broken way back · {} whose cause is not there · coverage {}",
        style::plural(failures.len() as i64, "failure"),
        style::plural(events.len() as i64, "event"),
        Seen::of(coverage, |_| true).share()
    );
    let mut blocks = vec![Block::Heading("Why")];
    blocks.push(Block::Sheet(reasons(rows)));
    if !failures.is_empty() {
        blocks.push(Block::Heading("Failures, the latest first"));
        blocks.push(Block::Sheet(failed(&failures, look)));
    }
    if !events.is_empty() {
        blocks.push(Block::Heading("Events, the latest first"));
        blocks.push(Block::Sheet(caused(&events, look)));
    }
    blocks.push(gap());
    blocks.push(note(format!("seen   {}", Seen::of(coverage, |_| true).sentence())));
    blocks.push(note("a verdict is taken back when the cause turns up after all"));
    let latest = |rows: &[&Orphan]| rows.iter().max_by_key(|row| row.time).map(|row| row.coordinates.clone());
    if let Some(first) = latest(&failures).or_else(|| latest(&events)) {
        blocks.push(Block::Heading("Next"));
        blocks.push(command_line(&format!("headwater explain {first}"), look));
        blocks.push(command_line(&format!("headwater trace {first}"), look));
    }
    render(Page { title, under: Vec::new(), blocks }, look, format)
}

fn reasons(rows: &[Orphan]) -> Sheet {
    let mut counts: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for row in rows {
        let count = counts.entry(row.orphan_reason.as_str()).or_default();
        match row.what.as_str() {
            "failure" => count.0 += 1,
            _ => count.1 += 1,
        }
    }
    let mut sorted: Vec<(&str, (i64, i64))> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let cells = |(reason, (failures, events)): (&str, (i64, i64))| {
        let (means, help) = meaning(reason);
        vec![
            Piece::plain(style::count(failures)),
            Piece::plain(style::count(events)),
            Piece::Toned(Tone::Warn, style::words(reason)),
            Piece::plain(means),
            Piece::plain(help),
        ]
    };
    Sheet {
        caption: "Orphans by reason",
        columns: vec![
            ("failures", Side::Right),
            ("events", Side::Right),
            ("reason", Side::Whole),
            ("what it means", Side::Left),
            ("what to do", Side::Left),
        ],
        rows: sorted.into_iter().map(cells).collect(),
        more: None,
    }
}

/// What a reason means, and what to do about it.
pub(super) fn meaning(reason: &str) -> (&'static str, &'static str) {
    match reason {
        "before_start" => ("the cause lies before where reading began", "start with an earlier `headwater tap --from`"),
        "not_tapped" => ("the cause lies on a topic that is not read", "widen --topics, or narrow --exclude"),
        "retention" => {
            ("the cause was deleted from the log by age or size", "keep the topic longer, or tap it earlier")
        }
        "compaction" => ("a later record of its key replaced the cause", "nothing brings it back"),
        "not_readable" => {
            ("the topic of the cause may not be read", "grant READ and DESCRIBE on it; see headwater check")
        }
        "other_cluster" => ("the cause lies on another cluster", "tap that cluster, too"),
        "read_uncommitted" => {
            ("the cause was part of an aborted transaction", "let its reader read committed records only")
        }
        "never_seen" => ("nothing that was read carries the id", "see headwater explain: what does the id name?"),
        "context_lost" => {
            ("the chain ends where such events nearly always have a cause", "see headwater audit: which hop drops it")
        }
        "ambiguous_id" => ("several events carry the id that is named", "let producers give each event an own id"),
        "malformed_id" => ("the id that is named cannot be read", "see headwater explain: what was not understood"),
        _ => ("a verdict is held back: some partition is not read far enough", "wait, or see headwater check"),
    }
}

fn failed(rows: &[&Orphan], look: &Look<'_>) -> Sheet {
    let cells = |row: &&Orphan| {
        let what = tree::what(row.error_class.as_deref(), row.error_message.as_deref());
        vec![
            Piece::Name(row.coordinates.clone()),
            Piece::plain(style::ago(look.now, row.time)),
            Piece::Toned(Tone::Warn, style::words(&row.orphan_reason)),
            Piece::Name(row.consumer_group.clone().unwrap_or_else(|| "(unnamed)".to_owned())),
            what.map_or_else(|| Piece::plain("no error given"), Piece::Name),
            Piece::Name(row.signature.clone().unwrap_or_default()),
        ]
    };
    let columns = vec![
        ("record", Side::Whole),
        ("age", Side::SpareRight),
        ("reason", Side::Whole),
        ("group", Side::Left),
        ("what", Side::Left),
        ("signature", Side::Spare),
    ];
    latest(rows, columns, "Failures with a broken way back", cells)
}

fn caused(rows: &[&Orphan], look: &Look<'_>) -> Sheet {
    let cells = |row: &&Orphan| {
        vec![
            Piece::Name(row.coordinates.clone()),
            Piece::plain(style::ago(look.now, row.time)),
            Piece::Toned(Tone::Warn, style::words(&row.orphan_reason)),
            Piece::plain(style::words(&row.kind)),
            Piece::Name(row.event_type.clone().unwrap_or_else(|| "-".to_owned())),
        ]
    };
    let columns = vec![
        ("record", Side::Whole),
        ("age", Side::SpareRight),
        ("reason", Side::Whole),
        ("kind", Side::Whole),
        ("type", Side::Left),
    ];
    latest(rows, columns, "Events whose cause is not there", cells)
}

fn latest(
    rows: &[&Orphan],
    columns: Vec<(&'static str, Side)>,
    caption: &'static str,
    cells: impl Fn(&&Orphan) -> Vec<Piece>,
) -> Sheet {
    let mut sorted: Vec<&Orphan> = rows.to_vec();
    sorted.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.coordinates.cmp(&b.coordinates)));
    let rest = sorted.len().saturating_sub(ORPHANS_MAX);
    Sheet {
        caption,
        columns,
        rows: sorted.iter().take(ORPHANS_MAX).map(cells).collect(),
        more: (rest > 0).then(|| format!("… and {} more; --json has all", style::count(rest as i64))),
    }
}

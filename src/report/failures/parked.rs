//! Dead letters that nothing has healed: how many, how old, and when the log loses them.

use crate::event::Timestamp;
use crate::report::rows::Parked;
use crate::report::style::{self, Tone};
use crate::report::summary::page::{Block, Piece, Sheet, Side};

/// Topics that are listed.
const TOPICS_MAX: usize = 12;
/// What is lost within this is told as urgent, in µs: a day.
const SOON_US: i64 = 86_400_000_000;

/// What is lost soon, a sentence a topic; then all of it in one.
pub(super) fn notes(parked: &[Parked], now: Timestamp) -> Vec<Block> {
    let Some(oldest) = parked.iter().map(|topic| topic.oldest_time).min() else { return Vec::new() };
    let sum = |of: fn(&Parked) -> i64| parked.iter().map(of).fold(0i64, i64::saturating_add);
    let mut blocks: Vec<Block> = parked.iter().filter_map(|topic| urgent(topic, now)).take(TOPICS_MAX).collect();
    let size = parked.iter().map(|topic| topic.bytes).try_fold(0i64, |sum, bytes| Some(sum.saturating_add(bytes?)));
    let mut text = format!(
        "parked {} on {}{}, the oldest {}",
        style::plural(sum(|topic| topic.letters), "dead letter"),
        style::plural(parked.len() as i64, "topic"),
        size.map(|bytes| format!(", {}", style::bytes(bytes))).unwrap_or_default(),
        style::ago(now, oldest)
    );
    let unattended = sum(|topic| topic.unattended);
    if unattended > 0 {
        text.push_str(&format!("; {} passed by no group", style::count(unattended)));
    }
    let unknown = parked.iter().filter(|topic| !topic.retention_known).count();
    if unknown > 0 {
        let of = if unknown == parked.len() { String::new() } else { format!(" of {unknown} topics") };
        text.push_str(&format!("; how long the log keeps them{of} is not known"));
    }
    blocks.push(Block::Note(vec![Piece::plain(text)]));
    blocks
}

/// What the log loses within a day.
fn urgent(topic: &Parked, now: Timestamp) -> Option<Block> {
    let first = topic.first_loss.filter(|time| time.since(now) < SOON_US)?;
    let last = topic.last_loss.filter(|last| until(*last, now) != until(first, now));
    let rest = last.map(|last| format!(", the last {}", until(last, now))).unwrap_or_default();
    let are = if topic.letters == 1 { "is" } else { "are" };
    Some(Block::Note(vec![
        Piece::Toned(Tone::Bad, format!("✗ {}", style::plural(topic.letters, "dead letter"))),
        Piece::plain(" on "),
        Piece::Name(topic.topic.clone()),
        Piece::Toned(Tone::Bad, format!(" {are} lost {}{rest}", until(first, now))),
    ]))
}

fn until(time: Timestamp, now: Timestamp) -> String {
    match time.since(now) {
        ..=0 => "any time now".to_owned(),
        left => format!("in {}", style::span(left)),
    }
}

/// One line a topic, what is lost first on top.
pub(super) fn sheet(parked: &[Parked], now: Timestamp) -> Sheet {
    let cells = |topic: &Parked| {
        vec![
            Piece::plain(style::count(topic.letters)),
            Piece::Name(topic.topic.clone()),
            Piece::plain(topic.bytes.map_or_else(|| "?".to_owned(), style::bytes)),
            Piece::plain(style::ago(now, topic.oldest_time)),
            Piece::plain(style::count(topic.unattended)),
            lost(topic, now),
        ]
    };
    let rest = parked.len().saturating_sub(TOPICS_MAX);
    Sheet {
        caption: "Parked dead letters",
        columns: vec![
            ("count", Side::Right),
            ("topic", Side::Left),
            ("size", Side::SpareRight),
            ("oldest", Side::SpareRight),
            ("passed by none", Side::Right),
            ("lost from the log", Side::Whole),
        ],
        rows: parked.iter().take(TOPICS_MAX).map(cells).collect(),
        more: (rest > 0).then(|| format!("… and {}; --json has all", style::plural(rest as i64, "more topic"))),
    }
}

fn lost(topic: &Parked, now: Timestamp) -> Piece {
    match topic.first_loss {
        Some(first) if first.since(now) < SOON_US => Piece::Toned(Tone::Bad, format!("✗ {}", until(first, now))),
        Some(first) => Piece::plain(until(first, now)),
        None if !topic.retention_known => Piece::plain("? not known"),
        None if topic.compacted => Piece::plain("when a later one of the same key comes"),
        None => Piece::plain("not by age"),
    }
}

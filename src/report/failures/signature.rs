//! One signature: how often, who, where from, what became of it, what hangs on it, what to do.

use super::{Format, beginning, command_line, gap, group, note, parked, render, states};
use crate::event::Timestamp;
use crate::report::rows::{
    Attempt, BlastRow, CoverageLine, FailureLine, FailureSample, FailureStanding, Parked, SignatureFact,
};
use crate::report::seen::Seen;
use crate::report::style::{self, Tone};
use crate::report::summary::page::{Block, Fact, Page, Piece, Sheet, Side};
use crate::report::text::Look;
use crate::report::tree;

/// Names of one sort on one line.
const NAMES_MAX: usize = 6;
/// Letters of a signature that a command shows.
const LETTERS: usize = 16;

/// What the page of a signature is made of.
#[derive(Debug, Clone, Copy)]
pub struct SignatureAnswers<'a> {
    /// Its rows in the list: one a group.
    pub kinds: &'a [FailureLine],
    /// What its failures have in common.
    pub facts: &'a [SignatureFact],
    /// The latest of them.
    pub samples: &'a [FailureSample],
    /// What happened to the latest, record by record.
    pub attempts: &'a [Attempt],
    /// How its last record stood.
    pub history: &'a [FailureStanding],
    /// What hangs on them.
    pub blast: &'a [BlastRow],
    /// Dead letters that nothing has healed, of its topics.
    pub parked: &'a [Parked],
    /// What was seen.
    pub coverage: &'a [CoverageLine],
    /// The window and the filters in words.
    pub window: &'a str,
    /// Whether a window or a filter leaves failures out of `kinds`.
    pub filtered: bool,
}

/// The answer to `headwater failures --signature`; nothing where it has no failure.
pub fn signature(answers: &SignatureAnswers<'_>, look: &Look<'_>, format: Format) -> String {
    let Some(worst) = answers.kinds.iter().max_by_key(|line| (line.failures, line.last_time)) else {
        return String::new();
    };
    let what = tree::what(worst.error_class.as_deref(), worst.error_message.as_deref());
    let name = style::fit(what.as_deref().unwrap_or("no error given"), look.style.width);
    let failures = answers.kinds.iter().map(|line| line.failures).fold(0i64, i64::saturating_add);
    let under = format!("signature {} · {} · {}", worst.signature, style::plural(failures, "failure"), answers.window);
    let mut under = vec![under];
    if answers.filtered {
        under.push("state and trend are of this window, all else is of all its failures".to_owned());
    }
    let mut blocks = vec![Block::Facts(facts(answers, failures, look.now))];
    blocks.push(Block::Heading("What hangs on it"));
    blocks.extend(blast(answers, failures));
    if !answers.parked.is_empty() {
        blocks.push(Block::Heading("Parked"));
        blocks.extend(parked::notes(answers.parked, look.now));
        blocks.push(Block::Sheet(parked::sheet(answers.parked, look.now)));
    }
    blocks.push(Block::Heading("Latest"));
    blocks.push(Block::Sheet(samples(answers.samples, look.now)));
    if let Some(first) = answers.attempts.first() {
        blocks.push(Block::Heading("The latest, record by record"));
        blocks.push(Block::Sheet(attempts(answers.attempts, first.time)));
        blocks.extend(history(answers.history));
    }
    blocks.push(gap());
    blocks.push(note(format!("seen   {}", Seen::of(answers.coverage, |_| true).sentence())));
    blocks.push(note("only failures that left a record are counted: a lower bound"));
    blocks.push(Block::Heading("Next"));
    blocks.extend(next(worst, look));
    render(Page { title: name, under, blocks }, look, format)
}

fn next(worst: &FailureLine, look: &Look<'_>) -> Vec<Block> {
    let mut commands = vec![format!("headwater trace {}", worst.sample), format!("headwater explain {}", worst.sample)];
    if worst.dead > 0 {
        commands.push(format!("headwater failures --signature {} --redrive", beginning(&worst.signature, LETTERS)));
    }
    commands.iter().map(|command| command_line(command, look)).collect()
}

fn facts(answers: &SignatureAnswers<'_>, failures: i64, now: Timestamp) -> Vec<Fact> {
    let sum = |of: fn(&FailureLine) -> i64| answers.kinds.iter().map(of).fold(0i64, i64::saturating_add);
    let mut facts = vec![fact("failures", failures, Tone::Strong, vec![times(answers.kinds, now)])];
    facts.extend(answers.kinds.iter().map(|line| {
        let who = group(line.consumer_group.as_deref(), &line.candidate_groups);
        let words = vec![
            states(line),
            Piece::plain("  "),
            Piece::Trend(line.trend.clone()),
            Piece::plain("  "),
            Piece::Name(who),
        ];
        fact("state", line.failures, Tone::Plain, words)
    }));
    for (name, of) in [("group", "group"), ("from", "root"), ("origin", "origin")] {
        facts.extend(
            named(answers.facts, of).take(NAMES_MAX).map(|row| fact(name, row.failures, Tone::Plain, told(row))),
        );
    }
    facts.extend(named(answers.facts, "healed").map(|row| fact("healed", row.failures, Tone::Good, told(row))));
    facts.extend(seems_healed(answers));
    facts.extend(named(answers.facts, "orphaned").map(|row| fact("orphaned", row.failures, Tone::Warn, told(row))));
    let unattended = sum(|line| line.unattended);
    if unattended > 0 {
        let words = vec![Piece::plain("no group has passed their dead letters, and nothing has healed them")];
        facts.push(fact("unattended", unattended, Tone::Bad, words));
    }
    facts.extend(named(answers.facts, "attended").map(|row| fact("attended", row.failures, Tone::Plain, told(row))));
    facts
}

fn fact(name: &'static str, number: i64, tone: Tone, words: Vec<Piece>) -> Fact {
    Fact { name, number: style::count(number), tone, words }
}

fn named<'a>(facts: &'a [SignatureFact], fact: &'a str) -> impl Iterator<Item = &'a SignatureFact> {
    let mut rows: Vec<&SignatureFact> = facts.iter().filter(|row| row.fact == fact).collect();
    rows.sort_by(|a, b| b.failures.cmp(&a.failures).then_with(|| a.name.cmp(&b.name)));
    rows.into_iter()
}

fn times(kinds: &[FailureLine], now: Timestamp) -> Piece {
    let first = kinds.iter().map(|line| line.first_time).min().unwrap_or(now);
    let last = kinds.iter().map(|line| line.last_time).max().unwrap_or(now);
    Piece::plain(format!("first {} UTC, last {}", style::date_time(first), style::ago(now, last)))
}

/// What a fact says, and why it is believed.
fn told(row: &SignatureFact) -> Vec<Piece> {
    let name = row.name.clone().unwrap_or_default();
    let because = |why: &'static str| vec![Piece::Name(name.clone()), Piece::plain(why)];
    match (row.fact.as_str(), row.note.as_deref(), row.name.as_deref()) {
        ("group", Some("named"), _) => because(", named by the record"),
        ("group", Some("topic"), _) => {
            because(", as the name of the topic says, or the retry topic that only it reads")
        }
        ("group", Some("ledger"), _) => because(", since no other group reads the topic of the origin"),
        ("group", Some("candidates"), _) => {
            vec![Piece::plain("one of "), Piece::Name(name), Piece::plain(", which read the topic of the origin")]
        }
        ("group", ..) => vec![Piece::plain("the group is not known: no record names it")],
        ("root", Some("known"), Some(_)) => because(" began it"),
        ("root", Some("known"), None) => vec![Piece::plain("began with an event of no named type")],
        ("root", ..) => vec![Piece::plain("what began it is not known")],
        ("origin", ..) => because(" is the topic of what failed"),
        ("healed", _, Some("redrive")) => vec![Piece::plain("given to the group again, and no failure followed")],
        ("healed", _, Some("later_success")) => vec![Piece::plain("a retry was consumed, and no failure followed")],
        ("healed", ..) => vec![Piece::plain("its usual effects came: weaker evidence")],
        ("orphaned", ..) => vec![Piece::plain(format!("{}: see headwater failures --orphans", style::words(&name)))],
        _ => because(" has passed their dead letters"),
    }
}

/// Weaker than healed, and never counted as it.
fn seems_healed(answers: &SignatureAnswers<'_>) -> Option<Fact> {
    let row = answers.blast.iter().find(|row| row.what == "seems_healed")?;
    let words =
        "of the dead look healed: their usual effects came all the same, later than is usual. Not counted as healed";
    Some(fact("maybe", row.events, Tone::Warn, vec![Piece::plain(words)]))
}

/// What was touched, what happened all the same, what did not, who waits.
fn blast(answers: &SignatureAnswers<'_>, failures: i64) -> Vec<Block> {
    let rows = |what: &'static str| answers.blast.iter().filter(move |row| row.what == what);
    let looked = rows("failure").map(|row| row.events).fold(0i64, i64::saturating_add);
    let mut blocks = Vec::new();
    if looked < failures {
        let text = format!("of the latest {} of {} failures:", style::count(looked), style::count(failures));
        blocks.push(note(text));
    }
    blocks.extend(rows("conversation").map(touched));
    let began = listed(rows("root"), "began with");
    let same = listed(rows("effect"), "came of it all the same:");
    let beside = listed(rows("sibling"), "happened beside it:");
    blocks.extend([began, same, beside].into_iter().flatten());
    blocks.extend(rows("missing").take(NAMES_MAX).map(missing));
    let waiting: Vec<&BlastRow> = rows("waiting").collect();
    if !waiting.is_empty() {
        let mut groups: Vec<&str> = waiting.iter().filter_map(|row| row.consumer_group.as_deref()).collect();
        groups.sort_unstable();
        groups.dedup();
        let text = "groups that read what did not come: ";
        blocks.push(Block::Note(vec![Piece::plain(text), Piece::Name(groups.join(", "))]));
    }
    if rows("missing").next().is_none() {
        blocks.push(note(
            "what usually follows is not known, or all of it came: usual is what 95 % of at least 20 others have",
        ));
    }
    blocks.extend(
        rows("limit").map(|row| note(format!("only the first {} events are looked at", style::count(row.events)))),
    );
    blocks
}

fn touched(row: &BlastRow) -> Block {
    let conversations = style::plural(row.conversations.unwrap_or(0), "conversation");
    let mut pieces =
        vec![Piece::strong(conversations), Piece::plain(format!(" of {}", style::plural(row.events, "event")))];
    if let (Some(value), Some(field)) = (row.value, &row.value_field) {
        pieces.push(Piece::plain(", worth "));
        pieces.push(Piece::strong(format!("{value:.2}")));
        pieces.push(Piece::plain(" by "));
        pieces.push(Piece::Name(field.clone()));
    }
    Block::Note(pieces)
}

fn listed<'a>(rows: impl Iterator<Item = &'a BlastRow>, lead: &str) -> Option<Block> {
    let rows: Vec<&BlastRow> = rows.collect();
    if rows.is_empty() {
        return None;
    }
    let mut pieces = vec![Piece::plain(lead)];
    for (at, row) in rows.iter().take(NAMES_MAX).enumerate() {
        pieces.push(Piece::plain(format!("{} {} ", if at == 0 { "" } else { "," }, style::count(row.events))));
        pieces.push(Piece::Name(kind(row)));
    }
    if rows.len() > NAMES_MAX {
        pieces.push(Piece::plain(format!(", {} more", style::plural((rows.len() - NAMES_MAX) as i64, "type"))));
    }
    Some(Block::Note(pieces))
}

fn kind(row: &BlastRow) -> String {
    match (&row.event_type, &row.topic) {
        (Some(kind), _) => kind.clone(),
        (None, Some(topic)) => format!("of {topic}"),
        (None, None) => "-".to_owned(),
    }
}

fn missing(row: &BlastRow) -> Block {
    let of = match (row.had, row.sampled) {
        (Some(had), Some(sampled)) => {
            format!(" did not come: {} of the latest {} others have it", style::count(had), style::count(sampled))
        }
        _ => " did not come".to_owned(),
    };
    let number = format!("✗ {} ", style::count(row.events));
    Block::Note(vec![Piece::Toned(Tone::Bad, number), Piece::Name(kind(row)), Piece::plain(of)])
}

fn samples(rows: &[FailureSample], now: Timestamp) -> Sheet {
    let cells = |row: &FailureSample| {
        let root = match (&row.root, &row.orphan_reason) {
            (Some(root), _) => Piece::Name(root.clone()),
            (None, Some(reason)) => Piece::Toned(Tone::Warn, format!("? {}", style::words(reason))),
            (None, None) => Piece::plain("? not known yet"),
        };
        let (tone, state) = match row.state.as_str() {
            "healed" => (Tone::Good, "✓ healed"),
            "dead" => (Tone::Bad, "✗ dead"),
            _ => (Tone::Warn, "↻ retrying"),
        };
        vec![
            Piece::Name(row.coordinates.clone()),
            Piece::plain(style::ago(now, row.time)),
            Piece::Name(row.origin.clone().unwrap_or_else(|| "not named".to_owned())),
            root,
            Piece::Name(row.consumer_group.clone().unwrap_or_else(|| "(unnamed)".to_owned())),
            Piece::plain(style::count(row.attempts.unwrap_or(row.records).max(row.records))),
            Piece::Toned(tone, state.to_owned()),
        ]
    };
    Sheet {
        caption: "The latest failures",
        columns: vec![
            ("record", Side::Whole),
            ("age", Side::SpareRight),
            ("what failed", Side::Left),
            ("root", Side::Left),
            ("group", Side::Left),
            ("attempts", Side::Right),
            ("state", Side::Whole),
        ],
        rows: rows.iter().map(cells).collect(),
        more: None,
    }
}

/// Each record with the time since the first and since the one before.
fn attempts(rows: &[Attempt], begun: Timestamp) -> Sheet {
    let before = std::iter::once(None).chain(rows.iter().map(|row| Some(row.time)));
    let cells = |(row, before): (&Attempt, Option<Timestamp>)| {
        let kind = match row.kind.as_str() {
            "origin" => "what failed".to_owned(),
            kind => style::words(kind),
        };
        vec![
            Piece::Name(row.coordinates.clone()),
            Piece::plain(kind),
            Piece::plain(row.attempt.map_or_else(|| "-".to_owned(), style::count)),
            Piece::plain(style::date_time(row.time)),
            Piece::plain(if before.is_none() { "-".to_owned() } else { style::span(row.time.since(begun)) }),
            Piece::plain(before.map_or_else(|| "-".to_owned(), |before| style::span(row.time.since(before)))),
        ]
    };
    Sheet {
        caption: "One failure, record by record",
        columns: vec![
            ("record", Side::Whole),
            ("what", Side::Whole),
            ("attempt", Side::Right),
            ("time (UTC)", Side::Whole),
            ("after the first", Side::SpareRight),
            ("back-off", Side::Right),
        ],
        rows: rows.iter().zip(before).map(cells).collect(),
        more: None,
    }
}

fn history(rows: &[FailureStanding]) -> Vec<Block> {
    if rows.len() < 2 {
        return Vec::new();
    }
    let line = |row: &FailureStanding| {
        let since = row.since.map_or_else(|| "at first".to_owned(), |time| format!("since {}", style::date_time(time)));
        let why = row.healed_evidence.as_deref().map(|why| format!(" ({})", style::words(why))).unwrap_or_default();
        let orphan = row.orphan_reason.as_deref().map(|why| format!(", orphaned: {}", style::words(why)));
        note(format!("{since} {}{why}{}", row.state, orphan.unwrap_or_default()))
    };
    rows.iter().map(line).collect()
}

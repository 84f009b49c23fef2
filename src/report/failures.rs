//! What failed: the list by kind, one signature, what cannot be traced back, and what is new.
//!
//! Each answer is laid out as the page that reports are made of, so that text and Markdown say the same.

mod orphans;
mod parked;
mod signature;
mod watch;

pub use orphans::orphans;
pub use signature::{SignatureAnswers, signature};
pub use watch::Watch;

use super::rows::{CoverageLine, FailureLine, Parked};
use super::seen::Seen;
use super::style::{self, Tone};
use super::summary::page::{Block, Page, Piece, Sheet, Side};
use super::summary::{markdown, text as plain};
use super::text::Look;
use super::tree;
use crate::event::{Timestamp, clean};

#[cfg(test)]
mod tests;

/// Kinds of failure on one screen.
const KINDS_MAX: usize = 40;
/// Columns of a list beside the error, in most lists.
const OTHER_COLUMNS: usize = 84;
/// Columns for the error, where the terminal has them.
const WHAT_MIN: usize = 24;
/// Longer errors are read on the page of their signature.
const WHAT_MAX: usize = 60;
/// Groups that a failure can be of which are named.
const CANDIDATES_MAX: usize = 3;
/// Shortest beginning of a signature that is shown.
const SIGNATURE_MIN: usize = 4;

/// How an answer is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For a ticket or a wiki.
    Markdown,
}

/// What a list of failures is made of.
#[derive(Debug, Clone, Copy)]
pub struct ListAnswers<'a> {
    /// The kinds, with what is left of them in the window and under the filters.
    pub kinds: &'a [FailureLine],
    /// Dead letters that nothing has healed, by topic; empty where the past is told.
    pub parked: &'a [Parked],
    /// What was seen.
    pub coverage: &'a [CoverageLine],
    /// The window and the filters in words.
    pub window: &'a str,
}

/// The answer to `headwater failures`: one line a kind, the most frequent first, what is healed last.
pub fn list(answers: &ListAnswers<'_>, look: &Look<'_>, format: Format) -> String {
    let ListAnswers { kinds, parked, coverage, window } = *answers;
    let kind = style::plural(kinds.len() as i64, "kind");
    let failures = style::plural(sum(kinds, |line| line.failures), "failure");
    let (head, facts) = (
        format!("{window} · {failures} of {kind}"),
        format!(
            "{} orphaned · {} unattended · coverage {}",
            style::count(sum(kinds, |line| line.orphaned)),
            style::count(sum(kinds, |line| line.unattended)),
            Seen::of(coverage, |_| true).share()
        ),
    );
    let (title, under) = headline(head, facts, look);
    let mut sorted: Vec<&FailureLine> = kinds.iter().collect();
    sorted.sort_by(|a, b| {
        let size = b.failures.cmp(&a.failures).then(b.last_time.cmp(&a.last_time));
        // What healed needs nobody, and what is summed up is no kind: they stand below.
        let last = |line: &FailureLine| (line.is_other(), line.dead == 0 && line.retrying == 0);
        last(a).cmp(&last(b)).then(size)
    });
    let short = shortest(kinds);
    let wide = what_columns(look, format);
    let rows = sorted.iter().take(KINDS_MAX).map(|line| cells(line, (short, wide), look.now)).collect();
    let rest = sorted.len().saturating_sub(KINDS_MAX);
    let sheet = Sheet {
        caption: "Failures by kind",
        columns: vec![
            ("count", Side::Right),
            ("trend", Side::Spare),
            ("last", Side::Spare),
            ("first", Side::Spare),
            ("group", Side::Left),
            ("what", Side::Whole),
            ("from", Side::Left),
            ("state", Side::Whole),
            ("signature", Side::Whole),
        ],
        rows,
        more: (rest > 0).then(|| format!("… and {}; --json has all", style::plural(rest as i64, "more kind"))),
    };
    let mut blocks = vec![gap(), Block::Sheet(sheet), gap()];
    blocks.extend(parked::notes(parked, look.now));
    blocks.push(note(format!("seen   {}", Seen::of(coverage, |_| true).sentence())));
    blocks.push(note("only failures that left a record are counted: a lower bound"));
    if let Some(worst) = sorted.first() {
        blocks.push(Block::Heading("Next"));
        blocks.extend(next(worst, sum(kinds, |line| line.orphaned), short, look));
    }
    render(Page { title, under, blocks }, look, format)
}

/// On one line where there is room.
fn headline(head: String, facts: String, look: &Look<'_>) -> (String, Vec<String>) {
    let line = format!("{head} · {facts}");
    if style::width(&line) <= look.style.width { (line, Vec::new()) } else { (head, vec![facts]) }
}

fn sum(kinds: &[FailureLine], of: fn(&FailureLine) -> i64) -> i64 {
    kinds.iter().map(of).fold(0i64, i64::saturating_add)
}

/// What to type next.
fn next(worst: &FailureLine, orphaned: i64, short: usize, look: &Look<'_>) -> Vec<Block> {
    let mut commands = vec![format!("headwater trace {}", worst.sample)];
    if !worst.is_other() {
        commands.push(format!("headwater failures --signature {}", beginning(&worst.signature, short)));
    }
    if orphaned > 0 {
        commands.push("headwater failures --orphans".to_owned());
    }
    if worst.dead > 0 {
        commands.push("headwater failures --redrive".to_owned());
    }
    commands.iter().map(|command| command_line(command, look)).collect()
}

fn command_line(command: &str, look: &Look<'_>) -> Block {
    Block::Note(vec![Piece::Command(format!("{command}{}", look.reach))])
}

/// Columns for the error: what the others leave, since it is read first.
fn what_columns(look: &Look<'_>, format: Format) -> usize {
    match format {
        Format::Text => look.style.width.saturating_sub(OTHER_COLUMNS).clamp(WHAT_MIN, WHAT_MAX),
        Format::Markdown => usize::MAX,
    }
}

fn cells(line: &FailureLine, (short, wide): (usize, usize), now: Timestamp) -> Vec<Piece> {
    let signature = match line.is_other() {
        true => "other".to_owned(),
        false => beginning(&line.signature, short).to_owned(),
    };
    vec![
        Piece::plain(style::count(line.failures)),
        Piece::Trend(line.trend.clone()),
        Piece::plain(style::ago(now, line.last_time)),
        Piece::plain(style::ago(now, line.first_time)),
        Piece::Name(group(line.consumer_group.as_deref(), &line.candidate_groups)),
        Piece::Name(style::fit(&what(line), wide)),
        from(line),
        states(line),
        Piece::Name(signature),
    ]
}

/// Class and message; kinds that are summed up have many.
fn what(line: &FailureLine) -> String {
    let none = if line.is_other() { "other kinds, each rarer than these" } else { "no error given" };
    tree::what(line.error_class.as_deref(), line.error_message.as_deref()).unwrap_or_else(|| none.to_owned())
}

/// The event that it comes from, else why that is not known.
fn from(line: &FailureLine) -> Piece {
    match (&line.root_type, &line.origin_topic, line.orphaned) {
        _ if line.is_other() => Piece::plain("-"),
        (Some(root), _, _) => Piece::Name(root.clone()),
        (None, _, 1..) => Piece::plain("? orphaned"),
        (None, Some(topic), _) => Piece::Name(format!("a record of {topic}")),
        (None, None, _) => Piece::plain("? not known yet"),
    }
}

/// The group, else those that it can be.
fn group(name: Option<&str>, candidates: &[String]) -> String {
    match (name, candidates.len()) {
        (Some(name), _) => name.to_owned(),
        (None, 0) => "(unnamed)".to_owned(),
        (None, 1..=CANDIDATES_MAX) => format!("one of {}", candidates.join(", ")),
        (None, n) => {
            format!("one of {}, {} more", candidates[..CANDIDATES_MAX].join(", "), n - CANDIDATES_MAX)
        }
    }
}

fn states(line: &FailureLine) -> Piece {
    let states = [("✗", line.dead, "dead"), ("↻", line.retrying, "retrying"), ("✓", line.healed, "healed")];
    let facts = [(line.orphaned, "orphaned"), (line.attended, "attended")];
    let texts: Vec<String> = states
        .iter()
        .filter(|(_, n, _)| *n > 0)
        .map(|(glyph, n, word)| format!("{glyph} {} {word}", style::count(*n)))
        .chain(facts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", style::count(*n))))
        .collect();
    let tone = if line.dead > 0 { Tone::Bad } else { Tone::Warn };
    Piece::Toned(if line.dead + line.retrying > 0 { tone } else { Tone::Good }, texts.join(", "))
}

impl FailureLine {
    /// Whether it sums up kinds that have no row of their own.
    pub fn is_other(&self) -> bool {
        self.signature == "other"
    }
}

/// Letters of a signature that tell all of them apart.
fn shortest(kinds: &[FailureLine]) -> usize {
    let mut names: Vec<&str> = kinds.iter().map(|line| line.signature.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let shared = |pair: &[&str]| pair[0].chars().zip(pair[1].chars()).take_while(|(a, b)| a == b).count();
    names.windows(2).map(|pair| shared(pair) + 1).fold(SIGNATURE_MIN, usize::max)
}

fn beginning(signature: &str, letters: usize) -> &str {
    signature.char_indices().nth(letters).map_or(signature, |(at, _)| &signature[..at])
}

/// A line of its own.
fn note(text: impl Into<String>) -> Block {
    Block::Note(vec![Piece::plain(text)])
}

/// Room between two parts.
fn gap() -> Block {
    Block::Note(Vec::new())
}

fn render(page: Page, look: &Look<'_>, format: Format) -> String {
    match format {
        Format::Markdown => {
            let text = markdown::render(&page);
            let mut lines: Vec<&str> = text.lines().collect();
            lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
            lines.join("\n") + "\n"
        }
        Format::Text => {
            let text = plain::render(&page, look.style);
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            lines.join("\n") + "\n"
        }
    }
}

/// Several signatures begin as asked: all of them, and nothing is guessed.
pub fn several(asked: &str, kinds: &[FailureLine], look: &Look<'_>, format: Format) -> String {
    let wide = what_columns(look, format);
    let rows = |line: &FailureLine| cells(line, (line.signature.chars().count(), wide), look.now);
    let sheet = Sheet {
        caption: "Signatures that begin so",
        columns: vec![
            ("count", Side::Right),
            ("trend", Side::Spare),
            ("last", Side::Spare),
            ("first", Side::Spare),
            ("group", Side::Left),
            ("what", Side::Whole),
            ("from", Side::Left),
            ("state", Side::Spare),
            ("signature", Side::Whole),
        ],
        rows: kinds.iter().take(KINDS_MAX).map(rows).collect(),
        more: None,
    };
    let title = format!("several signatures begin with `{}`; more letters tell them apart", clean(asked));
    render(Page { title, under: Vec::new(), blocks: vec![gap(), Block::Sheet(sheet)] }, look, format)
}

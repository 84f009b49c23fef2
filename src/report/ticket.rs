//! One conversation as markdown for a ticket: what happened, every failure with its attempts, the tree, the graph, what was
//! not seen, and what to type next.

use super::attempts::{self, Case};
use super::conversation::{Conversation, Outcome};
use super::style::{self, Style};
use super::tree::{self, Question};
use super::{closing, drawing, outline};
use crate::event::clean;
use std::fmt::Write;

#[cfg(test)]
mod tests;

/// Failures with rows of their own; the others are counted.
const CASES_MAX: usize = attempts::CASES_MAX;
/// Columns for the text of an error.
const ERROR_MAX: usize = 200;
/// Backticks that begin and end a block of markdown; text with as many in a row gets more.
const FENCE_MIN: usize = 3;

/// The ticket. The graph in it is mermaid's: GitHub and GitLab draw it.
pub fn render(conversation: &Conversation, question: &Question<'_>) -> String {
    let mut out = format!("## {}\n\n", title(conversation));
    happened(&mut out, conversation, question);
    let cases = attempts::cases(conversation);
    failures(&mut out, conversation, &cases);
    tried(&mut out, conversation, &cases);
    let plain = Style::default();
    let _ = writeln!(out, "### Events\n\n{}", block("text", &tree::render(conversation, question, &plain)));
    let graph = drawing::mermaid(conversation, question.asked);
    let _ = writeln!(out, "### Graph\n\n{}", block("mermaid", &graph));
    out.push_str(
        "A plain arrow is a cause that a record declares, a thick one follows from a Kafka transaction, a dashed one \
         is inferred.\n\n",
    );
    next(&mut out, conversation, question);
    out
}

/// `✗ Failed at …: conversation of 9 events`.
pub fn title(conversation: &Conversation) -> String {
    let events = style::plural(conversation.events() as i64, "event");
    let groups = |groups: &[String]| groups.iter().map(|group| code(group)).collect::<Vec<_>>().join(", ");
    match conversation.outcome() {
        Outcome::Failed(failed) => format!("✗ Failed at {}: conversation of {events}", groups(&failed)),
        Outcome::Retrying(trying) => format!("↻ Retrying at {}: conversation of {events}", groups(&trying)),
        Outcome::Healed => format!("✓ Healed: conversation of {events}"),
        Outcome::Orphaned(n) => format!("? {n} orphaned, no failure seen: conversation of {events}"),
        Outcome::Waiting(n) => format!("… {n} waiting for a cause: conversation of {events}"),
        Outcome::NoFailure => format!("✓ No failure seen: conversation of {events}"),
    }
}

fn happened(out: &mut String, conversation: &Conversation, question: &Question<'_>) {
    if let (Some((first, last)), Some(&root)) = (conversation.window(), conversation.roots.first()) {
        let head = conversation.head(root);
        let word = if conversation.root_known { "It began" } else { "No root is known; the earliest event is" };
        let _ = writeln!(
            out,
            "{word} at {} UTC with {} ({}), and lasted {}.",
            style::date_time(tree::start(conversation)),
            code(&outline::name(conversation, root)),
            code(&tree::raw_coordinates(head)),
            style::span(last.since(first))
        );
    }
    let asked = question.asked.iter().filter_map(|&at| conversation.event(at));
    let asked: Vec<String> = asked.take(CASES_MAX).map(|node| code(&tree::raw_coordinates(node))).collect();
    if !asked.is_empty() {
        let _ = writeln!(out, "Asked for: {}.", asked.join(", "));
    }
    let _ = writeln!(out, "Seen: {}.\n", clean(&closing::seen(conversation, question.coverage).sentence()));
}

/// One row a failure.
fn failures(out: &mut String, conversation: &Conversation, cases: &[Case<'_>]) {
    if cases.is_empty() {
        return;
    }
    out.push_str("### Failures\n\n| # | record that failed | group | state | attempts | error |\n");
    out.push_str("|---|---|---|---|---|---|\n");
    for (n, case) in cases.iter().take(CASES_MAX).enumerate() {
        let stands = case.stands();
        let (_, state) = case.state(conversation);
        let orphaned = stands.orphan_reason.as_deref().map(|reason| format!("; orphaned: {}", style::words(reason)));
        let error = tree::what(stands.error_class.as_deref(), stands.error_message.as_deref());
        let origin = case.place(conversation).map_or_else(|| "not named".to_owned(), |place| cell(&place));
        let _ = writeln!(
            out,
            "| {} | {origin} | {} | {} | {} | {} |",
            n + 1,
            cell(&case.group()),
            cell(&(state + &orphaned.unwrap_or_default())),
            case.attempts.len(),
            error.map_or_else(|| "none given".to_owned(), |error| cell(&style::fit(&error, ERROR_MAX))),
        );
    }
    if cases.len() > CASES_MAX {
        let _ = writeln!(out, "\n… and {} more.", style::count((cases.len() - CASES_MAX) as i64));
    }
    out.push('\n');
}

/// One row an attempt.
fn tried(out: &mut String, conversation: &Conversation, cases: &[Case<'_>]) {
    if cases.is_empty() {
        return;
    }
    out.push_str(
        "### Attempts\n\n| failure | attempt | time, UTC | after | record | error |\n|---|---|---|---|---|---|\n",
    );
    for (n, case) in cases.iter().take(CASES_MAX).enumerate() {
        let (told, left_out) = case.told();
        for (row, (at, attempt)) in told.iter().enumerate() {
            let failure = attempt.failure;
            let error = tree::what(failure.error_class.as_deref(), failure.error_message.as_deref());
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                n + 1,
                attempts::name(*at, failure),
                style::date_time(failure.time),
                attempt.after_us.map(style::span).unwrap_or_default(),
                cell(&attempts::place(conversation, failure.reference)),
                error.map(|error| cell(&style::fit(&error, ERROR_MAX))).unwrap_or_default(),
            );
            if left_out > 0 && row + 1 == told.len() / 2 {
                let _ = writeln!(out, "| {} | … {} more | | | | |", n + 1, style::count(left_out as i64));
            }
        }
    }
    out.push('\n');
}

fn next(out: &mut String, conversation: &Conversation, question: &Question<'_>) {
    let first = question.asked.iter().copied().chain(conversation.first_failure);
    let Some(node) = first.into_iter().find_map(|at| conversation.event(at)) else { return };
    let place = quoted(&tree::coordinates(node));
    out.push_str("### Next\n\n");
    let commands = [("the same again", "trace"), ("how the record was read", "explain"), ("the proof", "prove")];
    for (why, command) in commands {
        let _ = writeln!(out, "- {why}: {}", code(&format!("headwater {command} {place}{}", question.reach)));
    }
}

/// Text of a record between backticks that it cannot close.
pub fn code(text: &str) -> String {
    let text = clean(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    match text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() {
        true => format!("{ticks} {text} {ticks}"),
        false => format!("{ticks}{text}{ticks}"),
    }
}

/// The same within a table: a bar would end the cell even there, and a backslash before it would free it again.
fn cell(text: &str) -> String {
    code(&clean(text).replace("\\|", "\\ |")).replace('|', "\\|")
}

/// `text` between fences that it cannot close.
pub fn block(language: &str, text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(FENCE_MIN));
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// Names that a shell would take apart are put in quotes.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

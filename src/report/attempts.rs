//! The failures of one conversation as people count them: one a record that failed and group, with all its attempts.

use super::conversation::Conversation;
use super::rows::{TraceFailure, TraceNode};
use super::style::{self, Style, Tone};
use super::tree;
use crate::event::{Timestamp, clean};
use std::collections::BTreeMap;
use std::fmt::Write;

#[cfg(test)]
mod tests;

/// Failures that are told with their attempts; the others are counted.
pub(super) const CASES_MAX: usize = 20;
/// Attempts of one failure that are told at its begin, and at its end.
const ATTEMPTS_AT_END: usize = 4;
/// Columns for a name.
const NAME_MAX: usize = 48;

/// One record that failed in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Case<'a> {
    /// The records that tell of it, in the order of time.
    pub attempts: Vec<Attempt<'a>>,
}

/// One record that tells of a failure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attempt<'a> {
    /// What it says.
    pub failure: &'a TraceFailure,
    /// Time since the one before, µs.
    pub after_us: Option<i64>,
}

/// What failed, as far as it is named: its ref, else its coordinates.
type Origin<'a> = (Option<i64>, Option<(&'a str, Option<i64>, Option<i64>)>);

/// All failures of `conversation`, in the order in which they began.
pub fn cases(conversation: &Conversation) -> Vec<Case<'_>> {
    let mut sets: BTreeMap<(Origin<'_>, String), Vec<&TraceFailure>> = BTreeMap::new();
    let mut apart: Vec<Case<'_>> = Vec::new();
    for failure in conversation.failures.values().flatten() {
        let named = failure.origin_topic.as_deref();
        let origin = match (failure.origin, named) {
            (Some(origin), _) => (Some(origin), None),
            (None, Some(topic)) => (None, Some((topic, failure.origin_partition, failure.origin_offset))),
            (None, None) => {
                apart.push(Case { attempts: vec![Attempt { failure, after_us: None }] });
                continue;
            }
        };
        sets.entry((origin, failure.group())).or_default().push(failure);
    }
    let mut cases: Vec<Case<'_>> = sets.into_values().map(Case::of).chain(apart).collect();
    cases.sort_by_key(|case| (case.first().time, case.first().reference));
    cases
}

impl<'a> Case<'a> {
    fn of(mut failures: Vec<&'a TraceFailure>) -> Self {
        failures.sort_by_key(|failure| (failure.time, failure.reference));
        let mut before: Option<Timestamp> = None;
        let attempt = |failure: &'a TraceFailure| {
            let after_us = before.replace(failure.time).map(|before| failure.time.since(before));
            Attempt { failure, after_us }
        };
        Self { attempts: failures.into_iter().map(attempt).collect() }
    }

    fn first(&self) -> &'a TraceFailure {
        self.attempts[0].failure
    }

    /// The record that stands for all: the last dead letter, else the last of all.
    pub fn stands(&self) -> &'a TraceFailure {
        let mut last = self.attempts.iter().rev().map(|attempt| attempt.failure);
        let letter = last.clone().find(|failure| failure.kind == "dead_letter");
        letter.or_else(|| last.next()).unwrap_or(self.first())
    }

    /// The event that failed, where it was seen.
    pub fn origin<'c>(&self, conversation: &'c Conversation) -> Option<&'c TraceNode> {
        self.stands().origin.and_then(|origin| conversation.event(origin))
    }

    /// `topic/partition/offset` of the record that failed, as it was seen or is named; not made harmless.
    pub fn place(&self, conversation: &Conversation) -> Option<String> {
        let stands = self.stands();
        let named = || {
            let topic = stands.origin_topic.as_deref()?;
            Some(format!("{topic}/{}/{}", stands.origin_partition?, stands.origin_offset?))
        };
        self.origin(conversation).map(tree::raw_coordinates).or_else(named)
    }

    /// `healed by orders-retry/0/7 (redrive)`, `dead`, `retrying`; and who looked after it.
    pub fn state(&self, conversation: &Conversation) -> (Tone, String) {
        let stands = self.stands();
        let attended = match (&stands.attended_by, stands.kind.as_str(), stands.state.as_str()) {
            (Some(group), "dead_letter", _) => format!(", attended by {}", style::fit(group, NAME_MAX)),
            // Who looked after it is known for now only.
            (None, "dead_letter", "dead") if conversation.as_of.is_none() => ", unattended".to_owned(),
            _ => String::new(),
        };
        let tone = match stands.state.as_str() {
            "dead" => Tone::Bad,
            "healed" => Tone::Good,
            _ => Tone::Warn,
        };
        let mut text = style::words(&stands.state);
        if stands.state == "healed" {
            let by = stands.healed_by.map(|by| place(conversation, by));
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            let why = stands.healed_evidence.as_deref().map(|why| format!(" ({})", healed_because(why)));
            text = format!("healed{by}{}", why.unwrap_or_default());
        }
        (tone, text + &attended)
    }

    /// `loyalty (named)`, or `one of: a, b`.
    pub fn group(&self) -> String {
        let stands = self.stands();
        match (&stands.consumer_group, stands.candidate_groups.as_slice()) {
            (Some(group), _) => {
                let why = stands.group_evidence.as_deref().map(|why| format!(" ({})", believed_because(why)));
                format!("{}{}", style::fit(group, NAME_MAX), why.unwrap_or_default())
            }
            (None, []) => "not named".to_owned(),
            (None, groups) => {
                let names: Vec<String> = groups.iter().map(|group| style::fit(group, NAME_MAX)).collect();
                format!("one of: {}", names.join(", "))
            }
        }
    }

    /// The attempts that are told, and how many are left out after the first [`ATTEMPTS_AT_END`] of these.
    pub fn told(&self) -> (Vec<(usize, Attempt<'a>)>, usize) {
        let all = self.attempts.iter().copied().enumerate();
        let left_out = self.attempts.len().saturating_sub(2 * ATTEMPTS_AT_END);
        let shown = |at: usize| left_out == 0 || at < ATTEMPTS_AT_END || at >= ATTEMPTS_AT_END + left_out;
        (all.filter(|(at, _)| shown(*at)).collect(), left_out)
    }
}

/// Why a group is believed to have failed, in few words.
fn believed_because(evidence: &str) -> String {
    match evidence {
        "named" => "named by the record".to_owned(),
        "topic" => "by its topics: their names, or who reads them".to_owned(),
        "ledger" => "the only group that reads the topic".to_owned(),
        other => style::words(other),
    }
}

/// What shows that a failure healed, in few words.
fn healed_because(evidence: &str) -> String {
    match evidence {
        "redrive" => "redrive: given to the group again, and no failure followed".to_owned(),
        "later_success" => "later success: its retries were consumed, and no failure followed".to_owned(),
        "effects" => "its usual effects came: weaker evidence".to_owned(),
        other => style::words(other),
    }
}

/// Where an event lies; its ref when it is not part of what was read.
pub(super) fn place(conversation: &Conversation, reference: i64) -> String {
    conversation.event(reference).map_or_else(|| format!("ref {reference}"), tree::coordinates)
}

/// What a person calls an attempt: its number, or what kind of record it is.
pub(super) fn name(at: usize, failure: &TraceFailure) -> String {
    let number = failure.attempt.map_or_else(|| format!("record {}", at + 1), |n| format!("attempt {n}"));
    match failure.kind.as_str() {
        "retry" => number,
        kind if failure.attempt.is_some() => format!("{}, {number}", style::words(kind)),
        kind => style::words(kind),
    }
}

/// The section under the tree; nothing where nothing failed.
pub(super) fn render(conversation: &Conversation, style: &Style) -> String {
    let cases = cases(conversation);
    if cases.is_empty() {
        return String::new();
    }
    let then = conversation.as_of.map(|at| format!(" as they stood at {} UTC", style::date_time(at)));
    let mut out = format!("\n  failures{} ({}):\n", then.unwrap_or_default(), style::count(cases.len() as i64));
    for case in cases.iter().take(CASES_MAX) {
        one(&mut out, conversation, case, style);
    }
    if cases.len() > CASES_MAX {
        let more = style::count((cases.len() - CASES_MAX) as i64);
        let _ = writeln!(out, "  … and {more} more; --json has every one");
    }
    out
}

fn one(out: &mut String, conversation: &Conversation, case: &Case<'_>, style: &Style) {
    let (tone, state) = case.state(conversation);
    let glyph = match tone {
        Tone::Good => '✓',
        Tone::Bad => '✗',
        _ => '↻',
    };
    let what = match (case.origin(conversation), case.place(conversation)) {
        (Some(origin), _) => {
            let name = origin.event_type.as_ref().unwrap_or(&origin.topic);
            format!("{} {}", style::fit(name, NAME_MAX), tree::coordinates(origin))
        }
        (None, Some(place)) => format!("{}, which was not seen", clean(&place)),
        (None, None) => format!("told by {}", place(conversation, case.stands().reference)),
    };
    let _ = writeln!(out, "  {} {what}", style.paint(tone, &glyph.to_string()));
    let mut fact = |name: &str, text: &str| {
        let _ = writeln!(out, "      {} {text}", style.paint(Tone::Faint, &style::left(name, 7)));
    };
    fact("group", &case.group());
    fact("state", &style.paint(tone, &state));
    if let Some(reason) = &case.stands().orphan_reason {
        fact("way", &style.paint(Tone::Warn, &format!("orphaned: {}", style::words(reason))));
    }
    let (told, left_out) = case.told();
    let rows: Vec<[String; 4]> = told.iter().map(|(at, attempt)| cells(conversation, *at, attempt)).collect();
    let widest = |column: usize| rows.iter().map(|row| style::width(&row[column])).max().unwrap_or(0);
    let widths = [widest(0), widest(1), widest(2)];
    let mut said: Option<String> = None;
    for (n, (row, (_, attempt))) in rows.iter().zip(&told).enumerate() {
        let [name, time, wait, at] = row;
        let [a, b, c] = widths;
        let line = format!("{}  {}  {}  {at}", style::left(name, a), style::left(time, b), style::left(wait, c));
        let _ = writeln!(out, "      {}", line.trim_end());
        // An error that repeats the last one is not written again.
        let error = tree::what(attempt.failure.error_class.as_deref(), attempt.failure.error_message.as_deref());
        if error.is_some() && error != said {
            let text = error.as_deref().unwrap_or_default();
            let _ = writeln!(out, "        {}", style::fit(text, style.width.saturating_sub(9)));
            said = error;
        }
        if left_out > 0 && n + 1 == ATTEMPTS_AT_END {
            let _ = writeln!(out, "      … {} more", style::plural(left_out as i64, "attempt"));
        }
    }
}

/// Name, time, back-off and place of one attempt.
fn cells(conversation: &Conversation, at: usize, attempt: &Attempt<'_>) -> [String; 4] {
    let wait = attempt.after_us.map(|us| format!("after {}", style::span(us))).unwrap_or_default();
    let time = style::time_of_day(attempt.failure.time);
    [name(at, attempt.failure), time, wait, place(conversation, attempt.failure.reference)]
}

//! What else is wrong with ids and envelopes, one sentence each.

use super::{Audit, NAME_MAX};
use crate::event::clean;
use crate::report::rows::AuditRow;
use crate::report::style::{count, fit, plural, words};
use std::collections::BTreeMap;

/// Topics that are named in one sentence.
const TOPICS_MAX: usize = 8;

/// One finding: how many events it is about, and the sentence.
pub type Finding = (i64, String);

/// All findings beside broken traces, those about most events first.
pub fn findings(audit: &Audit<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        audit.of("hop").flat_map(of_hop).chain(audit.of("topic").flat_map(of_topic)).collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found
}

fn of_hop(row: &AuditRow) -> impl Iterator<Item = Finding> {
    let of =
        row.correlation_kept.unwrap_or(0) + row.correlation_switched.unwrap_or(0) + row.correlation_lost.unwrap_or(0);
    let sample = row.sample.as_deref().filter(|_| !row.breaks()).map(|sample| format!(", such as {}", clean(sample)));
    let sample = sample.unwrap_or_default();
    let said = |n: Option<i64>, what: &str| {
        let n = n.filter(|n| *n > 0)?;
        Some((n, format!("{}: {} of {} {what}{sample}", hop(row), count(n), count(of))))
    };
    [
        said(row.correlation_switched, "switch to another correlation id in mid-flow"),
        said(row.correlation_lost, "lose the correlation id of their cause"),
    ]
    .into_iter()
    .flatten()
}

fn of_topic(row: &AuditRow) -> impl Iterator<Item = Finding> {
    let events = row.events.unwrap_or(0);
    let traced = row.traced.unwrap_or(0);
    let malformed = row.malformed_traces.unwrap_or(0);
    let said = |n: i64, of: i64, what: String| {
        (n > 0).then(|| (n, format!("{}: {} of {} {what}", place(row), count(n), count(of))))
    };
    let reason = row.orphan_reason.as_deref().map(words).unwrap_or_default();
    let lacks = row.missing_fields.iter().map(|field| clean(field)).collect::<Vec<_>>().join(", ");
    let untraced = if traced > 0 { events - traced - malformed } else { 0 };
    [
        said(malformed, events, "carry a trace header that cannot be read".to_owned()),
        said(untraced, events, "carry no trace, though others do".to_owned()),
        said(row.reused_ids.unwrap_or(0), events, "have an id that another on the topic had before".to_owned()),
        said(
            row.orphaned.unwrap_or(0),
            row.naming_cause.unwrap_or(0),
            format!("name a cause that is not there: {reason}"),
        ),
        said(row.incomplete.unwrap_or(0), events, format!("have an envelope that is not whole: without {lacks}")),
    ]
    .into_iter()
    .flatten()
}

/// `orders → payments`.
pub fn hop(row: &AuditRow) -> String {
    let name = |name: &Option<String>| fit(name.as_deref().unwrap_or_default(), NAME_MAX);
    format!("{} → {}", name(&row.from_topic), name(&row.to_topic))
}

/// `payments, PaymentTaken`.
fn place(row: &AuditRow) -> String {
    let topic = fit(row.to_topic.as_deref().unwrap_or_default(), NAME_MAX);
    match &row.to_type {
        Some(kind) => format!("{topic}, {}", fit(kind, NAME_MAX)),
        None => format!("{topic}, without a type"),
    }
}

/// How many certain hops keep the trace of every cause that has one, and over how many effects.
pub fn kept(audit: &Audit<'_>) -> Option<String> {
    let whole: Vec<&AuditRow> =
        audit.of("hop").filter(|row| !row.breaks() && row.trace_kept.unwrap_or(0) > 0).collect();
    let effects = whole.iter().filter_map(|row| row.trace_kept).fold(0, i64::saturating_add);
    (!whole.is_empty()).then(|| {
        format!(
            "{} always {} on with the trace of the cause: {}",
            plural(whole.len() as i64, "hop"),
            if whole.len() == 1 { "goes" } else { "go" },
            plural(effects, "effect")
        )
    })
}

/// The topics of which no event has a cause, where all that begins there does, or the way to them is lost.
pub fn beginnings(audit: &Audit<'_>) -> Option<String> {
    let mut topics: BTreeMap<&str, bool> = BTreeMap::new();
    for row in audit.of("topic") {
        let all = topics.entry(row.to_topic.as_deref().unwrap_or_default()).or_insert(true);
        *all &= row.without_cause == row.events;
    }
    let first: Vec<String> =
        topics.iter().filter(|(_, all)| **all).map(|(topic, _)| fit(topic, NAME_MAX)).take(TOPICS_MAX).collect();
    let more = topics.values().filter(|all| **all).count().saturating_sub(TOPICS_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!first.is_empty()).then(|| {
        format!(
            "no event of {}{more} has a cause: flows begin there, or nothing on the records leads there",
            first.join(", ")
        )
    })
}

//! The audit for a terminal.

use super::findings::{beginnings, findings, hop, kept};
use super::fixes::{Fix, Sees};
use super::verdict::{Maker, Verdict, verdicts};
use super::{Audit, HOPS_MAX, NAME_MAX, ROWS_MAX};
use crate::event::clean;
use crate::report::explanation::wrap;
use crate::report::lag::sheet::{self, Column, number, words};
use crate::report::rows::AuditRow;
use crate::report::style::{self, Tone};
use crate::report::text::Look;
use std::fmt::Write;

/// Findings beside broken traces that are told; JSON has the rows behind all of them.
const FINDINGS_MAX: usize = 12;
/// Groups that are named where it is one of several.
const GROUPS_MAX: usize = 5;

/// The answer to `headwater audit`.
pub fn text(audit: &Audit<'_>, look: &Look<'_>) -> String {
    let verdicts = verdicts(audit);
    let mut out = format!("{}\n\n", look.style.paint(Tone::Strong, &audit.headline()));
    let shown = &verdicts[..verdicts.len().min(HOPS_MAX)];
    let fixes = numbered(shown);
    for verdict in shown {
        out.push_str(&told(verdict, &fixes, look));
    }
    if verdicts.len() > shown.len() {
        let _ = writeln!(
            out,
            "  … and {} more; --format json has all",
            style::plural((verdicts.len() - shown.len()) as i64, "hop")
        );
    }
    if let Some(kept) = kept(audit) {
        let _ = writeln!(out, "  {} {kept}", look.style.paint(Tone::Good, "✓"));
    }
    if let Some(beginnings) = beginnings(audit) {
        let _ = writeln!(out, "  ? {beginnings}");
    }
    if audit.of("hop").next().is_none() {
        let _ = writeln!(
            out,
            "  ? no cause of an event is certain: without causation ids, transactions or dead letters no hop can be judged"
        );
    }
    out.push_str(&remedies(&fixes, look));
    out.push_str(&others(audit, look));
    out.push_str(&hops(audit, look));
    out.push_str(&topics(audit, look));
    let _ =
        writeln!(out, "\n  only causes that are certain count here: named by the record, or proved by a transaction");
    match verdicts.iter().find_map(|verdict| verdict.sample) {
        Some(sample) => {
            let _ = writeln!(out, "  next   headwater explain {}{}", clean(sample), clean(look.reach));
        }
        None => {
            let _ = writeln!(out, "  next   headwater failures{}", clean(look.reach));
        }
    }
    out
}

/// The fixes of some verdicts, each once, in the order in which they are named.
pub(super) fn numbered(verdicts: &[Verdict<'_>]) -> Vec<&'static Fix> {
    let mut all: Vec<&Fix> = Vec::new();
    for fix in verdicts.iter().flat_map(|verdict| &verdict.fixes) {
        if !all.contains(fix) {
            all.push(fix);
        }
    }
    all
}

fn told(verdict: &Verdict<'_>, fixes: &[&Fix], look: &Look<'_>) -> String {
    let tone = if verdict.is_seldom() { Tone::Warn } else { Tone::Bad };
    let mark = look.style.paint(tone, if verdict.is_seldom() { "!" } else { "✗" });
    let mut out = format!("  {mark} {}\n", look.style.paint(Tone::Strong, &sentence(verdict)));
    for line in wrap(&cause(verdict, fixes), look.style.width.saturating_sub(4)) {
        let _ = writeln!(out, "    {line}");
    }
    out
}

/// `orders → payments: 143 of 143 start a new trace, by payment-svc`.
pub(super) fn sentence(verdict: &Verdict<'_>) -> String {
    let name = |name: &str| style::fit(name, NAME_MAX);
    let (from, to) = (name(verdict.from_topic), name(verdict.to_topic));
    let of = style::count(verdict.of);
    let what = match (verdict.restarted, verdict.lost) {
        (n, 0) => format!("{} of {of} start a new trace", style::count(n)),
        (0, n) => format!("{} of {of} carry no trace, though their cause does", style::count(n)),
        (n, lost) => format!("{} of {of} start a new trace and {} carry none", style::count(n), style::count(lost)),
    };
    format!("{from} → {to}: {what}, {}", by(verdict))
}

fn by(verdict: &Verdict<'_>) -> String {
    let more = verdict.groups.len().saturating_sub(GROUPS_MAX);
    let shown = verdict.groups.iter().take(GROUPS_MAX).map(|group| style::fit(group, NAME_MAX));
    let names = shown.collect::<Vec<_>>().join(", ");
    let names = if more > 0 { format!("{names} and {more} more") } else { names };
    match (verdict.maker, verdict.groups.len()) {
        (Maker::Unknown, _) => "by a group that was not seen".to_owned(),
        (Maker::Certain, _) => format!("by {names}"),
        (Maker::Name, 1) => format!("by {names} (by its name)"),
        (Maker::Name | Maker::Several, _) => format!("by one of {names}"),
    }
}

/// What the records show, and which clients do that.
pub(super) fn cause(verdict: &Verdict<'_>, fixes: &[&Fix]) -> String {
    let shows = match verdict.sees {
        Some(Sees::Batch) => "effects of several causes share each new trace: it is begun for a batch",
        Some(Sees::Record) => "a new trace is begun for each record that is handled, and its effects share it",
        Some(Sees::Send) => "each effect has a trace of its own: it is begun by the sending",
        Some(Sees::None) => "nothing writes a trace header",
        None => "a new trace is begun for each effect",
    };
    let known = |fix: &&&Fix| fixes.iter().position(|other| other == *fix);
    let clients: Vec<String> = verdict
        .fixes
        .iter()
        .map(|fix| {
            let name = fix.client.split(", ").next().unwrap_or_default();
            known(&fix).map_or_else(|| name.to_owned(), |at| format!("{name} [{}]", at + 1))
        })
        .collect();
    let one_of = if clients.len() > 1 { "one of " } else { "" };
    let shown = |names: &[String]| names.iter().map(|name| style::fit(name, NAME_MAX)).collect::<Vec<_>>().join(", ");
    let own = match (verdict.libraries, verdict.clients) {
        ([], []) => String::new(),
        ([], clients) => format!("; its members call themselves {}", shown(clients)),
        (libraries, _) => format!("; its members look like {}", shown(libraries)),
    };
    format!("{shows}, as with {one_of}{}{own}", clients.join(", "))
}

fn remedies(fixes: &[&Fix], look: &Look<'_>) -> String {
    if fixes.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", look.style.paint(Tone::Strong, "What to do"));
    for (at, fix) in fixes.iter().enumerate() {
        let _ = writeln!(out, "  [{}] {}", at + 1, fix.client);
        for (title, text) in [("why", &fix.tell), ("fix", &fix.remedy)] {
            let lines = wrap(text, look.style.width.saturating_sub(11));
            for (at, line) in lines.iter().enumerate() {
                let _ = writeln!(out, "      {:<4} {line}", if at == 0 { title } else { "" });
            }
        }
    }
    out
}

fn others(audit: &Audit<'_>, look: &Look<'_>) -> String {
    let found = findings(audit);
    if found.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", look.style.paint(Tone::Strong, "Also"));
    for (_, sentence) in found.iter().take(FINDINGS_MAX) {
        let _ = writeln!(out, "  {} {sentence}", look.style.paint(Tone::Warn, "!"));
    }
    if found.len() > FINDINGS_MAX {
        let _ = writeln!(out, "  … and {} more; --format json has the rows", found.len() - FINDINGS_MAX);
    }
    out
}

fn hops(audit: &Audit<'_>, look: &Look<'_>) -> String {
    let columns: [Column<'_>; 9] = [
        words("hop", 0),
        words("type", 5),
        number("effects", 0),
        number("go on", 0),
        number("start anew", 0),
        number("lose it", 1),
        number("cause has none", 2),
        number("correlation kept", 3),
        words("groups", 0),
    ];
    let cells = |row: &AuditRow| {
        let correlated =
            [row.correlation_kept, row.correlation_switched, row.correlation_lost].into_iter().flatten().sum::<i64>();
        let correlation =
            if correlated > 0 { style::percent(row.correlation_kept.unwrap_or(0), correlated) } else { String::new() };
        let cells = vec![
            hop(row),
            style::fit(row.to_type.as_deref().unwrap_or("-"), NAME_MAX),
            shown(row.events),
            shown(row.trace_kept),
            shown(row.trace_restarted),
            shown(row.trace_lost),
            shown(row.cause_untraced),
            correlation,
            clean(&row.consumer_groups.join(", ")),
        ];
        (Tone::Plain, cells)
    };
    table("Hops whose cause is certain", &columns, audit.of("hop").map(cells).collect(), look)
}

fn topics(audit: &Audit<'_>, look: &Look<'_>) -> String {
    let columns: [Column<'_>; 8] = [
        words("topic", 0),
        words("type", 0),
        words("source", 4),
        number("events", 0),
        number("trace", 0),
        number("id", 0),
        number("names cause", 1),
        words("its cause", 0),
    ];
    let cells = |row: &AuditRow| {
        let events = row.events.unwrap_or(0);
        let share = |n: Option<i64>| style::percent(n.unwrap_or(0), events);
        let parts = [(row.resolved, "found"), (row.waiting, "waiting"), (row.orphaned, "not there")];
        let parts =
            parts.iter().filter_map(|(n, word)| n.filter(|n| *n > 0).map(|n| format!("{} {word}", style::count(n))));
        let cells = vec![
            style::fit(row.to_topic.as_deref().unwrap_or_default(), NAME_MAX),
            style::fit(row.to_type.as_deref().unwrap_or("-"), NAME_MAX),
            style::fit(row.source.as_deref().unwrap_or_default(), NAME_MAX),
            style::count(events),
            share(row.traced),
            share(row.with_id),
            share(row.naming_cause),
            parts.collect::<Vec<_>>().join(", "),
        ];
        (Tone::Plain, cells)
    };
    table("What events carry", &columns, audit.of("topic").map(cells).collect(), look)
}

fn table(title: &str, columns: &[Column<'_>], rows: Vec<(Tone, Vec<String>)>, look: &Look<'_>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let shown = &rows[..rows.len().min(ROWS_MAX)];
    let mut out = format!("\n{}\n{}", look.style.paint(Tone::Strong, title), sheet::draw(columns, shown, look.style));
    if rows.len() > shown.len() {
        let _ = writeln!(out, "  … and {} more; --format json has all", rows.len() - shown.len());
    }
    out
}

fn shown(n: Option<i64>) -> String {
    n.filter(|n| *n != 0).map_or_else(|| "-".to_owned(), style::count)
}

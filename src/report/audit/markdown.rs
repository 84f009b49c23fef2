//! The audit for a ticket.

use super::findings::{beginnings, findings, hop, kept};
use super::text::{cause, numbered, sentence};
use super::verdict::verdicts;
use super::{Audit, HOPS_MAX, ROWS_MAX};
use crate::report::rows::AuditRow;
use crate::report::style;
use crate::report::summary::markdown::{code, escape};
use std::fmt::Write;

/// The answer to `headwater audit --format markdown`.
pub fn markdown(audit: &Audit<'_>) -> String {
    let verdicts = verdicts(audit);
    let shown = &verdicts[..verdicts.len().min(HOPS_MAX)];
    let fixes = numbered(shown);
    let mut out = format!("# Where propagation breaks\n\n{}\n", escape(&audit.headline()));
    if !shown.is_empty() {
        out.push_str("\n## Hops that break the trace\n\n");
    }
    for verdict in shown {
        let _ = writeln!(out, "- **{}**: {}", escape(&sentence(verdict)), escape(&cause(verdict, &fixes)));
        if let Some(sample) = verdict.sample {
            let _ = writeln!(out, "  such as {}", code(sample));
        }
    }
    if verdicts.len() > shown.len() {
        let _ = writeln!(out, "- … and {} more", style::plural((verdicts.len() - shown.len()) as i64, "hop"));
    }
    if let Some(kept) = kept(audit) {
        let _ = writeln!(out, "\n{}", escape(&kept));
    }
    if let Some(beginnings) = beginnings(audit) {
        let _ = writeln!(out, "\n{}", escape(&beginnings));
    }
    if !fixes.is_empty() {
        out.push_str("\n## What to do\n\n");
    }
    for (at, fix) in fixes.iter().enumerate() {
        let (client, tell, remedy) = (escape(&fix.client), escape(&fix.tell), escape(&fix.remedy));
        let _ = writeln!(out, "{}. **{client}**: {tell}. Fix: {remedy}", at + 1);
    }
    let found = findings(audit);
    if !found.is_empty() {
        out.push_str("\n## Also\n\n");
    }
    for (_, sentence) in found.iter().take(ROWS_MAX) {
        let _ = writeln!(out, "- {}", escape(sentence));
    }
    out.push_str(&hops(audit));
    out.push_str("\nOnly causes that are certain count here: named by the record, or proved by a transaction.\n");
    out
}

fn hops(audit: &Audit<'_>) -> String {
    let rows: Vec<&AuditRow> = audit.of("hop").take(ROWS_MAX).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut out = "\n## Hops whose cause is certain\n\n| hop | type | effects | go on | start anew | lose it | cause has none | groups |\n\
                   | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for row in rows {
        let n = |n: Option<i64>| style::count(n.unwrap_or(0));
        let kind = escape(row.to_type.as_deref().unwrap_or("-"));
        let groups = escape(&row.consumer_groups.join(", "));
        let counts =
            [row.events, row.trace_kept, row.trace_restarted, row.trace_lost, row.cause_untraced].map(n).join(" | ");
        let _ = writeln!(out, "| {} | {kind} | {counts} | {groups} |", escape(&hop(row)));
    }
    out
}

//! `headwater audit`: where propagation breaks, and what to do.

use super::args::{self, AuditFormat};
use super::output;
use super::source::Source;
use crate::client::query;
use crate::config;
use crate::report::audit::{self, Audit};
use crate::report::rows::AuditRow;
use crate::report::text::{self, Look};
use crate::report::{Cell, json};
use serde_json::json;
use std::process::ExitCode;

/// `headwater audit`: hops that lose the trace, the groups that make them, and the fix.
pub(super) fn run(args: &args::Audit) -> anyhow::Result<ExitCode> {
    let now = output::now();
    let since = args.since.as_deref().map(|word| config::since(word, now)).transpose()?;
    let source = Source::open(&args.source)?;
    let topic = args.topic.clone().map_or(Cell::Null, Cell::Text);
    let answer = source.client.ask(&query::AUDIT, &[since.map_or(Cell::Null, |time| Cell::Time(time.0)), topic])?;
    let (coverage, lines) = source.coverage()?;
    let rows = AuditRow::from_table(&answer)?;
    let window = args.since.as_ref().map(|word| format!("since {word}")).unwrap_or_default();
    let audit = Audit { rows: &rows, window: &window };
    let look = Look { style: &output::style(), now, reach: &source.reach };
    let nothing = audit.looked_at() == 0 || args.topic.is_some() && rows.iter().all(|row| row.subject == "window");
    let answer = match args.format {
        _ if args.json || args.format == AuditFormat::Json => {
            let verdicts = audit::json(&audit::verdicts(&audit));
            let document =
                json!({ "verdicts": verdicts, "audit": json::rows(&answer), "coverage": json::rows(&coverage) });
            json::document(&document)
        }
        _ if nothing => text::nothing("nothing to audit", hint(args), &lines),
        AuditFormat::Markdown => audit::markdown(&audit),
        AuditFormat::Text | AuditFormat::Json => audit::text(&audit, &look),
    };
    output::print(&answer)?;
    Ok(ExitCode::SUCCESS)
}

const fn hint(args: &args::Audit) -> &'static str {
    match (args.topic.is_some(), args.since.is_some()) {
        (true, _) => "no event of this topic was looked at; without --topic all are",
        (false, true) => "no event was seen since then; without --since the newest are looked at",
        (false, false) => "topics of Kafka and of frameworks are left out",
    }
}

//! `headwater failures`: one question, one answer.

use super::args;
use super::output;
use super::source::Source;
use crate::client::query;
use crate::config;
use crate::event::Timestamp;
use crate::report::rows::FailureGroup;
use crate::report::text::{self, Look};
use crate::report::{Cell, json};
use serde_json::json;
use std::process::ExitCode;

/// `headwater failures`: grouped by signature and group.
pub(super) fn failures(args: &args::Failures) -> anyhow::Result<ExitCode> {
    let now = output::now();
    let since = args.since.as_deref().map(|word| config::since(word, now)).transpose()?;
    let source = Source::open(&args.reading.source)?;
    let answer = source.client.ask(&query::FAILURES, &parameters(since, args.orphans))?;
    let (coverage, lines) = source.coverage()?;
    if args.reading.json {
        let document = json!({ "failures": json::rows(&answer), "coverage": json::rows(&coverage) });
        output::print(&json::document(&document))?;
        return Ok(ExitCode::SUCCESS);
    }
    let groups = FailureGroup::from_table(&answer)?;
    let window = match &args.since {
        Some(word) => format!("since {word}"),
        None => "all that was seen".to_owned(),
    };
    let look = Look { style: &output::style(), now, reach: &source.reach };
    let text = match groups.is_empty() {
        true => text::nothing("no failures", &why_none(&source, args)?, &lines),
        false => text::failures(&groups, &window, &lines, &look),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn parameters(since: Option<Timestamp>, orphans: bool) -> [Cell; 2] {
    [since.map_or(Cell::Null, |time| Cell::Time(time.0)), Cell::Bool(orphans)]
}

/// An empty answer says whether a filter made it so.
fn why_none(source: &Source, args: &args::Failures) -> anyhow::Result<String> {
    let filters: Vec<&str> = [(args.since.is_some(), "--since"), (args.orphans, "--orphans")]
        .into_iter()
        .filter_map(|(used, name)| used.then_some(name))
        .collect();
    let all = match filters.is_empty() {
        true => 0,
        false => {
            let answer = source.client.ask(&query::FAILURES, &parameters(None, false))?;
            FailureGroup::from_table(&answer)?.iter().map(|group| group.failures).sum()
        }
    };
    Ok(match all {
        0 => "only failures that leave a record are seen: dead letters, retries, faults".to_owned(),
        n => format!("without {} there are {n}", filters.join(" and ")),
    })
}

//! `headwater trace ID`: one conversation.

use super::args::{self, TraceFormat};
use super::output;
use super::source::Source;
use crate::client::find::{self, FindError, Found};
use crate::client::trace::{self, PARTITIONS_MAX, Scope};
use crate::config;
use crate::report::conversation::Conversation;
use crate::report::json;
use crate::report::rows::{CoverageLine, PassageRow};
use crate::report::text::{self, Look};
use crate::report::tree::{self, Question};
use crate::report::{drawing, ticket};
use serde_json::json;
use std::process::ExitCode;

impl args::Trace {
    fn format(&self) -> TraceFormat {
        if self.reading.json { TraceFormat::Json } else { self.format }
    }

    fn is_json(&self) -> bool {
        self.format() == TraceFormat::Json
    }
}

/// Finds the events that the id means, and shows their conversation if it is one.
pub(super) fn run(args: &args::Trace) -> anyhow::Result<ExitCode> {
    let source = Source::open(&args.reading.source)?;
    let secret = || source.secret();
    let found = match find::all(find::Place { client: &source.client, secret: &secret }, &args.id) {
        Err(empty @ FindError::Empty) => return Err(super::Usage(empty.to_string()).into()),
        found => found?,
    };
    for note in &found.notes {
        output::note(&format!("headwater: {note}"));
    }
    let Some(first) = found.matches.first() else {
        return nothing(&source, args);
    };
    let scope = trace::scope_of(&source.client, first.conversation)?;
    if !found.matches.iter().all(|m| scope.holds(m.conversation)) {
        return several(&source, args, &found);
    }
    show(&source, args, &found, &scope)
}

fn nothing(source: &Source, args: &args::Trace) -> anyhow::Result<ExitCode> {
    let (_, coverage) = source.coverage()?;
    if args.is_json() {
        output::print(&json::document(&json!({ "matches": [] })))?;
    }
    let why = find::why_not(&source.client, &args.id, &coverage)?;
    let sentence = format!("headwater: trace: no event `{}` was found", args.id);
    output::note(text::nothing(&sentence, &why, &coverage).trim_end());
    Ok(ExitCode::from(super::FAILED))
}

fn several(source: &Source, args: &args::Trace, found: &Found) -> anyhow::Result<ExitCode> {
    let look = Look { style: &output::style(), now: output::now(), reach: &source.reach };
    output::print(&match args.is_json() {
        true => json::document(&json!({ "matches": found.json })),
        false => text::matches(&args.id, &found.matches, &look),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show(source: &Source, args: &args::Trace, found: &Found, scope: &Scope) -> anyhow::Result<ExitCode> {
    let asked: Vec<i64> = found.matches.iter().map(|m| m.reference).collect();
    let at = args.at.as_ref().map(|at| config::when("at", at, output::now())).transpose()?;
    let (mut tables, partitions) = trace::fetch(&source.client, scope, &asked)?;
    if let Some(at) = at {
        trace::as_of(&source.client, &mut tables, at)?;
    }
    if partitions > PARTITIONS_MAX {
        output::note(&format!(
            "headwater: the conversation lies on {partitions} partitions; groups are shown for the first \
             {PARTITIONS_MAX}"
        ));
    }
    let mut conversation = Conversation::read(&tables)?;
    conversation.deleted_before = trace::deleted_before(&source.client, &tables)?;
    conversation.as_of = at;
    conversation.again = trace::again(&source.client, &tables)?;
    let passage = PassageRow::from_table(&tables.passage)?;
    let coverage = CoverageLine::from_table(&tables.coverage)?;
    let question = Question { asked: &asked, passage: &passage, coverage: &coverage, reach: &source.reach };
    let answer = match args.format() {
        TraceFormat::Json => json::document(&json::trace(&conversation, &tables, &asked)),
        TraceFormat::Text => tree::render(&conversation, &question, &output::style()),
        TraceFormat::Markdown => ticket::render(&conversation, &question),
        TraceFormat::Dot => drawing::dot(&conversation, &asked),
        TraceFormat::Mermaid => drawing::mermaid(&conversation, &asked),
    };
    output::print(&answer)?;
    Ok(ExitCode::SUCCESS)
}

//! `headwater trace ID`: one conversation.

use super::args;
use super::find::{self, Found};
use super::output;
use super::source::Source;
use crate::client::query;
use crate::report::conversation::Conversation;
use crate::report::json::{self, TraceTables};
use crate::report::rows::{CoverageLine, PassageRow, TraceEdge, TraceFailure, TraceNode};
use crate::report::text::{self, Look};
use crate::report::tree::{self, Question};
use crate::report::{Cell, Column, ColumnType, Table};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

/// Partitions whose groups are asked for: a conversation lies on few; each is one question.
const PARTITIONS_MAX: usize = 64;

/// Finds the events that the id means, and shows their conversation if it is one.
pub(super) fn run(args: &args::Trace) -> anyhow::Result<ExitCode> {
    let source = Source::open(&args.reading.source)?;
    let found = find::all(&source, &args.id)?;
    let Some(first) = found.matches.first() else {
        return nothing(&source, args);
    };
    let nodes = source.client.ask(&query::TRACE_NODES, &[Cell::Int(first.reference)])?;
    let events = TraceNode::from_table(&nodes)?;
    let members: BTreeSet<i64> = events.iter().map(|node| node.reference).collect();
    if !found.matches.iter().all(|m| members.contains(&m.reference)) {
        return several(&source, args, &found);
    }
    show(&source, args, &found, Fetched { nodes, events })
}

struct Fetched {
    nodes: Table,
    events: Vec<TraceNode>,
}

fn nothing(source: &Source, args: &args::Trace) -> anyhow::Result<ExitCode> {
    let (_, coverage) = source.coverage()?;
    if args.reading.json {
        output::print(&json::document(&json!({ "matches": [] })))?;
    }
    let sentence = format!("headwater: trace: no event `{}` was found", args.id);
    output::note(text::nothing(&sentence, &find::explain(&args.id, &coverage), &coverage).trim_end());
    Ok(ExitCode::from(super::FAILED))
}

fn several(source: &Source, args: &args::Trace, found: &Found) -> anyhow::Result<ExitCode> {
    let look = Look { style: &output::style(), now: output::now(), reach: &source.reach };
    output::print(&match args.reading.json {
        true => json::document(&json!({ "matches": found.json })),
        false => text::matches(&args.id, &found.matches, &look),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show(source: &Source, args: &args::Trace, found: &Found, fetched: Fetched) -> anyhow::Result<ExitCode> {
    let Fetched { nodes, events } = fetched;
    let reference = [Cell::Int(found.matches[0].reference)];
    let edges = source.client.ask(&query::TRACE_EDGES, &reference)?;
    let failures = source.client.ask(&query::TRACE_FAILURES, &reference)?;
    let passage = passage(source, &events)?;
    let (coverage, lines) = source.coverage()?;
    let conversation = Conversation::new(events, TraceEdge::from_table(&edges)?, TraceFailure::from_table(&failures)?);
    let asked: Vec<i64> = found.matches.iter().map(|m| m.reference).collect();
    let (coverage, lines) = of_conversation(&conversation, coverage, lines);
    let answer = match args.reading.json {
        true => {
            let tables = TraceTables { nodes, edges, failures, passage, coverage };
            json::document(&json::trace(&conversation, &tables, &asked))
        }
        false => {
            let passage = PassageRow::from_table(&passage)?;
            let question = Question { asked: &asked, passage: &passage, coverage: &lines };
            tree::render(&conversation, &question, &output::style())
        }
    };
    output::print(&answer)?;
    Ok(ExitCode::SUCCESS)
}

/// Coverage of the topics that the conversation lies on; of the others nothing follows for it.
fn of_conversation(
    conversation: &Conversation,
    mut table: Table,
    lines: Vec<CoverageLine>,
) -> (Table, Vec<CoverageLine>) {
    let topics: BTreeSet<(&str, &str)> =
        conversation.graph.node_weights().map(|node| (node.cluster.as_str(), node.topic.as_str())).collect();
    let rows = std::mem::take(&mut table.rows);
    let kept = rows.into_iter().zip(lines).filter(|(_, line)| topics.contains(&(&line.cluster, &line.topic)));
    let (rows, lines) = kept.unzip();
    table.rows = rows;
    (table, lines)
}

/// How far each group has come. On one partition a group has passed all events of the conversation when it has passed
/// the last of them, so one question a partition is enough.
fn passage(source: &Source, events: &[TraceNode]) -> anyhow::Result<Table> {
    let mut last: BTreeMap<(&str, &str, i64), &TraceNode> = BTreeMap::new();
    for event in events {
        let latest = last.entry((&event.cluster, &event.topic, event.partition)).or_insert(event);
        if event.reference > latest.reference {
            *latest = event;
        }
    }
    let mut all = Table::default();
    for event in last.values().take(PARTITIONS_MAX) {
        let mut table = source.client.ask(&query::PASSAGE, &[Cell::Int(event.reference)])?;
        for (name, kind) in [("ref", ColumnType::BigInt), ("coordinates", ColumnType::Text)] {
            table.columns.push(Column { name: name.to_owned(), kind });
        }
        let place = format!("{}/{}/{}", event.topic, event.partition, event.offset);
        for row in &mut table.rows {
            row.extend([Cell::Int(event.reference), Cell::Text(place.clone())]);
        }
        all.columns = table.columns;
        all.rows.extend(table.rows);
    }
    if last.len() > PARTITIONS_MAX {
        output::note(&format!(
            "headwater: the conversation lies on {} partitions; groups are shown for the first {PARTITIONS_MAX}",
            last.len()
        ));
    }
    Ok(all)
}

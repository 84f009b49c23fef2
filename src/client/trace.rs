//! All that one conversation needs to be shown: events, edges, failures, groups and coverage.

use super::{Client, Error, query};
use crate::event::Timestamp;
use crate::report::json::TraceTables;
use crate::report::rows::{CoverageLine, RowError, TraceEdge, TraceNode};
use crate::report::{Cell, Column, ColumnType, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Partitions whose groups are asked for: a conversation lies on few; each is one question.
pub const PARTITIONS_MAX: usize = 64;

/// Events that are named and absent of which it is asked whether they were deleted: one is enough to tell, and the
/// earliest refs come first.
const ABSENT_MAX: usize = 1000;

/// Why a conversation could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A question got no answer.
    #[error(transparent)]
    Ask(#[from] Error),
    /// An answer cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// The events of the conversation that `reference` belongs to.
///
/// # Errors
/// A question without an answer.
pub fn events(client: &Client, reference: i64) -> Result<Table, Error> {
    client.ask(&query::TRACE_NODES, &[Cell::Int(reference)])
}

/// Everything else about the conversation whose events are `nodes`; and the number of partitions that it lies on, of
/// which groups were asked for on at most [`PARTITIONS_MAX`].
///
/// # Errors
/// A question without an answer, or one that cannot be read.
pub fn fetch(client: &Client, reference: i64, nodes: Table) -> Result<(TraceTables, usize), TraceError> {
    let events = TraceNode::from_table(&nodes)?;
    let edges = client.ask(&query::TRACE_EDGES, &[Cell::Int(reference)])?;
    let failures = client.ask(&query::TRACE_FAILURES, &[Cell::Int(reference)])?;
    let (passage, partitions) = passage(client, &events)?;
    let coverage = of_topics(&events, client.ask(&query::COVERAGE, &[])?)?;
    Ok((TraceTables { nodes, edges, failures, passage, coverage }, partitions))
}

/// Until when retention has deleted events that this conversation began with; `None` when it has all. Those are named by
/// its ids, which are the refs of first events, and by events that were caused by them.
///
/// # Errors
/// A question without an answer, or one that cannot be read.
pub fn deleted_before(client: &Client, tables: &TraceTables) -> Result<Option<Timestamp>, TraceError> {
    let nodes = TraceNode::from_table(&tables.nodes)?;
    let named = nodes.iter().map(|node| node.conversation);
    let mut absent: BTreeSet<i64> =
        named.chain(TraceEdge::from_table(&tables.edges)?.iter().map(|edge| edge.cause)).collect();
    nodes.iter().for_each(|node| {
        absent.remove(&node.reference);
    });
    if absent.is_empty() {
        return Ok(None);
    }
    let refs: Vec<String> = absent.iter().take(ABSENT_MAX).map(ToString::to_string).collect();
    let table = client.ask(&query::DELETED_OF, &[Cell::Text(refs.join(","))])?;
    let at = table.columns.iter().position(|column| column.name == "deleted_before");
    let time = |row: &Vec<Cell>| match row.get(at?) {
        Some(Cell::Time(micros)) => Some(Timestamp(*micros)),
        _ => None,
    };
    Ok(table.rows.iter().filter_map(time).max())
}

/// Coverage of the topics that the conversation lies on; of the others nothing follows for it.
fn of_topics(events: &[TraceNode], mut table: Table) -> Result<Table, RowError> {
    let topics: BTreeSet<(&str, &str)> = events.iter().map(|e| (e.cluster.as_str(), e.topic.as_str())).collect();
    let lines = CoverageLine::from_table(&table)?;
    let rows = std::mem::take(&mut table.rows).into_iter().zip(&lines);
    table.rows = rows.filter(|(_, line)| topics.contains(&(&line.cluster, &line.topic))).map(|(row, _)| row).collect();
    Ok(table)
}

/// How far each group has come. On one partition a group has passed all events of the conversation when it has passed
/// the last of them, so one question a partition is enough.
fn passage(client: &Client, events: &[TraceNode]) -> Result<(Table, usize), Error> {
    let mut last: BTreeMap<(&str, &str, i64), &TraceNode> = BTreeMap::new();
    for event in events {
        let latest = last.entry((&event.cluster, &event.topic, event.partition)).or_insert(event);
        if event.reference > latest.reference {
            *latest = event;
        }
    }
    let mut all = Table::default();
    for event in last.values().take(PARTITIONS_MAX) {
        let mut table = client.ask(&query::PASSAGE, &[Cell::Int(event.reference)])?;
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
    Ok((all, last.len()))
}

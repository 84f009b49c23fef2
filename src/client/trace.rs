//! All that one conversation needs to be shown: events, edges, failures, groups and coverage.

use super::{Client, Error, query};
use crate::event::Timestamp;
use crate::report::json::TraceTables;
use crate::report::rows::{CoverageLine, RowError, TraceEdge, TraceNode};
use crate::report::{Cell, Column, ColumnType, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Partitions whose groups are asked for: a conversation lies on few.
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

/// Where a conversation lies in the database: found once, for all questions about it.
#[derive(Debug, Clone)]
pub struct Scope([Cell; 2]);

/// Where the conversation of the event `reference` lies.
///
/// # Errors
/// A question without an answer.
pub fn scope(client: &Client, reference: i64) -> Result<Scope, Error> {
    client.ask(&query::CONVERSATION_SCOPE, &[Cell::Int(reference)]).map(Scope::read)
}

/// Where the conversation `id` lies.
///
/// # Errors
/// A question without an answer.
pub fn scope_of(client: &Client, id: i64) -> Result<Scope, Error> {
    client.ask(&query::SCOPE_OF, &[Cell::Int(id)]).map(Scope::read)
}

impl Scope {
    fn read(table: Table) -> Self {
        let mut cells = table.rows.into_iter().flatten();
        let mut next = || cells.next().unwrap_or(Cell::Null);
        Self([next(), next()])
    }
}

/// The events of a conversation.
///
/// # Errors
/// A question without an answer.
pub fn events(client: &Client, scope: &Scope) -> Result<Table, Error> {
    client.ask(&query::NODES_WITHIN, &scope.0)
}

/// Everything else about the conversation whose events are `nodes`; and the number of partitions that it lies on, of
/// which groups were asked for on at most [`PARTITIONS_MAX`].
///
/// # Errors
/// A question without an answer, or one that cannot be read.
pub fn fetch(client: &Client, scope: &Scope, nodes: Table) -> Result<(TraceTables, usize), TraceError> {
    let events = TraceNode::from_table(&nodes)?;
    let edges = client.ask(&query::EDGES_WITHIN, &scope.0)?;
    let failures = client.ask(&query::FAILURES_WITHIN, &scope.0)?;
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
    let chosen: BTreeMap<i64, &TraceNode> =
        last.values().take(PARTITIONS_MAX).map(|event| (event.reference, *event)).collect();
    if chosen.is_empty() {
        return Ok((Table::default(), 0));
    }
    let refs: Vec<String> = chosen.keys().map(ToString::to_string).collect();
    let mut table = client.ask(&query::PASSAGES_OF, &[Cell::Text(refs.join(","))])?;
    let at = table.columns.iter().position(|column| column.name == "ref");
    for row in &mut table.rows {
        let event = match at.and_then(|at| row.get(at)) {
            Some(Cell::Int(reference)) => chosen.get(reference),
            _ => None,
        };
        let place = event.map(|event| format!("{}/{}/{}", event.topic, event.partition, event.offset));
        row.push(place.map_or(Cell::Null, Cell::Text));
    }
    table.columns.push(Column { name: "coordinates".to_owned(), kind: ColumnType::Text });
    Ok((table, last.len()))
}

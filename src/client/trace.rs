//! All that one conversation needs to be shown: events, edges, failures, groups and coverage.

use super::{Client, Error, proof, query};
use crate::event::{EventRef, Timestamp};
use crate::report::json::TraceTables;
use crate::report::rows::{CoverageLine, Duplicate, RowError, TraceEdge, TraceFailure, TraceNode};
use crate::report::skeleton::{FAILURES_MAX, Names, Place, SKELETON_MAX, Skeleton, WHOLE_MAX};
use crate::report::{Cell, Column, ColumnType, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Partitions whose groups are asked for: a conversation lies on few.
pub const PARTITIONS_MAX: usize = 64;

/// Events that are named and absent of which it is asked whether they were deleted: one is enough to tell, and the
/// earliest refs come first.
const ABSENT_MAX: usize = 1000;

/// What changes of a failure, in the order of the answer.
const THEN: [&str; 5] = ["state", "consumer_group", "orphan_reason", "healed_by", "healed_evidence"];

/// Kinds of events that repeat another one by nature.
const REPEATS: [&str; 4] = ["retry", "dead_letter", "fault", "forward"];

/// So much after the last event of a conversation it is looked for what came again, µs: an event that was seen at the same
/// time belongs to it.
const AFTER_US: i64 = 1;

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

    /// True when the conversation has, or once had, this id.
    pub fn holds(&self, conversation: i64) -> bool {
        let Cell::Text(ids) = &self.0[0] else { return false };
        ids.split(',').any(|id| id.parse() == Ok(conversation))
    }
}

/// All that one conversation needs to be shown, and the number of partitions that it lies on, of which groups were asked
/// for on at most [`PARTITIONS_MAX`]. One of more than [`WHOLE_MAX`] events is summed up: its nodes are then those
/// that matter most to whoever asked for the events `asked`.
///
/// # Errors
/// A question without an answer, or one that cannot be read.
pub fn fetch(client: &Client, scope: &Scope, asked: &[i64]) -> Result<(TraceTables, usize), TraceError> {
    let size = client.ask(&query::SIZE_WITHIN, &scope.0)?;
    match size.rows.first().and_then(|row| row.first()) {
        Some(Cell::Int(events)) if *events > WHOLE_MAX as i64 => summed(client, scope, asked),
        _ => whole(client, scope),
    }
}

fn whole(client: &Client, scope: &Scope) -> Result<(TraceTables, usize), TraceError> {
    let nodes = client.ask(&query::NODES_WITHIN, &scope.0)?;
    let events = TraceNode::from_table(&nodes)?;
    let edges = client.ask(&query::EDGES_WITHIN, &scope.0)?;
    let failures = failures(client, scope, Cell::Null)?;
    let topics = events.iter().map(|event| (event.cluster.as_str(), event.topic.as_str())).collect();
    let coverage = of_topics(&topics, client.ask(&query::COVERAGE, &[])?)?;
    let mut last: BTreeMap<i64, (i64, String)> = BTreeMap::new();
    for event in &events {
        let ordinal = EventRef(event.reference).ordinal();
        let latest = last.entry(i64::from(ordinal.0)).or_default();
        if latest.1.is_empty() || event.reference > latest.0 {
            *latest = (event.reference, format!("{}/{}/{}", event.topic, event.partition, event.offset));
        }
    }
    let passage = passage(client, last.values())?;
    Ok((TraceTables { nodes, edges, failures, passage, coverage, summed: None }, last.len()))
}

/// The skeleton is asked for first, packed and bounded; then only what is shown of it.
fn summed(client: &Client, scope: &Scope, asked: &[i64]) -> Result<(TraceTables, usize), TraceError> {
    let [ids, slices] = scope.0.clone();
    // One more than it may hold tells that there are more.
    let most = [ids.clone(), slices.clone(), Cell::Int(SKELETON_MAX as i64 + 1)];
    let points = client.ask(&query::POINTS_WITHIN, &most)?;
    let skeleton = Skeleton::read(points, &client.ask(&query::LINKS_WITHIN, &most)?)?;
    let (profiles, ordinals) = skeleton.numbers();
    let numbers = [profiles, ordinals].map(|numbers| Cell::Text(list(&numbers)));
    let names = names(&client.ask(&query::NAMES_OF, &numbers)?);
    let failures = failures(client, scope, Cell::Int(FAILURES_MAX as i64))?;
    let failed = TraceFailure::from_table(&failures)?;
    let failed: Vec<i64> = failed.iter().flat_map(|one| [Some(one.reference), one.origin]).flatten().collect();
    let shown = skeleton.choose(asked, &failed);
    let some = [Cell::Text(list(&shown)), slices];
    let nodes = client.ask(&query::NODES_OF, &some)?;
    let mut edges = client.ask(&query::EDGES_OF, &some)?;
    let kept = |cause: i64| shown.contains(&cause) || !skeleton.holds(cause);
    retain_causes(&mut edges, &kept);
    let summed = skeleton.sum(&shown, &names);
    let last = skeleton.last_events();
    drop(skeleton);
    let last: Vec<(i64, String)> = last.into_iter().filter_map(|at| Some((at, place(at, &names)?))).collect();
    let topics = names.places.values().map(|place| (place.cluster.as_str(), place.topic.as_str())).collect();
    let coverage = of_topics(&topics, client.ask(&query::COVERAGE, &[])?)?;
    let passage = passage(client, last.iter())?;
    Ok((TraceTables { nodes, edges, failures, passage, coverage, summed: Some(summed) }, last.len()))
}

fn failures(client: &Client, scope: &Scope, most: Cell) -> Result<Table, Error> {
    let [ids, slices] = scope.0.clone();
    client.ask(&query::FAILURES_WITHIN, &[ids, slices, most])
}

/// Numbers as a question takes them: between commas. None is a number that there is not.
fn list(numbers: &BTreeSet<i64>) -> String {
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "-1".to_owned() } else { texts.join(",") }
}

/// Leaves the edges from causes that are shown or were not seen; the others are told as ways.
fn retain_causes(edges: &mut Table, kept: &dyn Fn(i64) -> bool) {
    let Some(cause) = edges.columns.iter().position(|column| column.name == "cause") else { return };
    edges.rows.retain(|row| matches!(row.get(cause), Some(Cell::Int(cause)) if kept(*cause)));
}

/// What `names_of` tells.
fn names(table: &Table) -> Names {
    let mut names = Names::default();
    for row in &table.rows {
        match row.as_slice() {
            [Cell::Text(what), Cell::Int(number), Cell::Text(name), ..] if what == "type" => {
                names.types.insert(*number, name.clone());
            }
            [_, Cell::Int(number), Cell::Text(topic), Cell::Text(cluster), Cell::Int(partition), Cell::Int(base)] => {
                let (cluster, topic) = (cluster.clone(), topic.clone());
                names.places.insert(*number, Place { cluster, topic, partition: *partition, base: *base });
            }
            _ => {}
        }
    }
    names
}

/// `topic/partition/offset` of an event.
fn place(reference: i64, names: &Names) -> Option<String> {
    let reference = EventRef(reference);
    let place = names.places.get(&i64::from(reference.ordinal().0))?;
    Some(format!("{}/{}/{}", place.topic, place.partition, place.base + reference.offset()))
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
    absent.extend(tables.summed.iter().flat_map(|summed| &summed.absent));
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

/// Puts the failures of `tables` as they stood at `at`: those that were not seen yet go. Nothing is known of who had passed
/// them then.
///
/// # Errors
/// A question without an answer, or one that cannot be read.
pub fn as_of(client: &Client, tables: &mut TraceTables, at: Timestamp) -> Result<(), TraceError> {
    let place = |name: &str| tables.failures.columns.iter().position(|column| column.name == name);
    let Some(reference) = place("ref") else { return Ok(()) };
    let columns = THEN.map(place);
    let attended = place("attended_by");
    let refs: BTreeSet<i64> = tables.failures.rows.iter().filter_map(|row| number(row.get(reference)?)).collect();
    let stood = client.ask(&proof::FAILURES_AS_OF, &[Cell::Text(list(&refs)), Cell::Time(at.0)])?;
    let mut stood: BTreeMap<i64, Vec<Cell>> =
        stood.rows.into_iter().filter_map(|row| Some((number(row.first()?)?, row))).collect();
    let rows = std::mem::take(&mut tables.failures.rows);
    tables.failures.rows = rows
        .into_iter()
        .filter_map(|mut row| {
            let then = stood.remove(&number(row.get(reference)?)?)?;
            // The first cell is the ref.
            for (column, cell) in columns.iter().zip(then.into_iter().skip(1)) {
                *row.get_mut((*column)?)? = cell;
            }
            if let Some(cell) = attended.and_then(|at| row.get_mut(at)) {
                *cell = Cell::Null;
            }
            Some(row)
        })
        .collect();
    Ok(())
}

fn number(cell: &Cell) -> Option<i64> {
    if let Cell::Int(n) = cell { Some(*n) } else { None }
}

/// Events of the conversation that came again. Whether an effect comes once as a rule is told by a day of events: so that
/// is asked only where an id, or an effect of one cause, is there twice.
///
/// # Errors
/// A question without an answer, or one that cannot be read.
pub fn again(client: &Client, tables: &TraceTables) -> Result<BTreeMap<i64, Duplicate>, TraceError> {
    let nodes = TraceNode::from_table(&tables.nodes)?;
    let named = |name: &str| tables.nodes.columns.iter().position(|column| column.name == name);
    let (id, seen) = (named("id"), named("seen_time"));
    let cell = |at: usize, column: Option<usize>| tables.nodes.rows.get(at)?.get(column?);
    let first = TraceEdge::from_table(&tables.edges)?.into_iter().map(|edge| (edge.effect, edge.cause));
    let causes: BTreeMap<i64, i64> = first.rev().collect();
    let (mut ids, mut effects) = (BTreeSet::new(), BTreeSet::new());
    let mut twice = false;
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| !REPEATS.contains(&node.kind.as_str())) {
        if let Some(Cell::Text(id)) = cell(at, id) {
            twice |= !ids.insert((&node.topic, id));
        }
        if let Some(cause) = causes.get(&node.reference) {
            twice |= !effects.insert((&node.topic, &node.event_type, cause));
        }
    }
    let last = (0..nodes.len()).filter_map(|at| match cell(at, seen) {
        Some(Cell::Time(us)) => Some(*us),
        _ => None,
    });
    let Some(last) = last.max().filter(|_| twice) else { return Ok(BTreeMap::new()) };
    let until = Cell::Time(last.saturating_add(AFTER_US));
    let rows = Duplicate::from_table(&client.ask(&proof::DUPLICATES, &[Cell::Null, until])?)?;
    let here: BTreeSet<i64> = nodes.iter().map(|node| node.reference).collect();
    Ok(rows.into_iter().filter(|row| here.contains(&row.reference)).map(|row| (row.reference, row)).collect())
}

/// Coverage of the topics that the conversation lies on; of the others nothing follows for it.
fn of_topics(topics: &BTreeSet<(&str, &str)>, mut table: Table) -> Result<Table, RowError> {
    let lines = CoverageLine::from_table(&table)?;
    let rows = std::mem::take(&mut table.rows).into_iter().zip(&lines);
    let here = |line: &CoverageLine| topics.contains(&(line.cluster.as_str(), line.topic.as_str()));
    table.rows = rows.filter(|(_, line)| here(line)).map(|(row, _)| row).collect();
    Ok(table)
}

/// How far each group has come, for the last event on each partition and where that lies: a group has passed all events of
/// the conversation there when it has passed that.
fn passage<'a>(client: &Client, last: impl Iterator<Item = &'a (i64, String)>) -> Result<Table, Error> {
    let chosen: BTreeMap<i64, &str> =
        last.take(PARTITIONS_MAX).map(|(reference, place)| (*reference, place.as_str())).collect();
    if chosen.is_empty() {
        return Ok(Table::default());
    }
    let refs: Vec<String> = chosen.keys().map(ToString::to_string).collect();
    let mut table = client.ask(&query::PASSAGES_OF, &[Cell::Text(refs.join(","))])?;
    let at = table.columns.iter().position(|column| column.name == "ref");
    for row in &mut table.rows {
        let place = match at.and_then(|at| row.get(at)) {
            Some(Cell::Int(reference)) => chosen.get(reference),
            _ => None,
        };
        row.push(place.map_or(Cell::Null, |place| Cell::Text((*place).to_owned())));
    }
    table.columns.push(Column { name: "coordinates".to_owned(), kind: ColumnType::Text });
    Ok(table)
}

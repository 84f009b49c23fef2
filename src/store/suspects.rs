//! What a failure that names no origin may repeat, as the database knows it.

use super::query::ask;
use super::{Error, Limits, Readers};
use crate::event::{BareFailure, EventRef};
use crate::report::{Cell, Table};
use std::time::Duration;

/// How long before a failure its origin was read at most: retries with backoff, and a sink that stood over night.
const READ_BEFORE: Duration = Duration::from_secs(24 * 3600);
/// How far the clock of whoever wrote the failure may be behind the one of whoever wrote its origin.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);
/// Events that are compared: each is read again from Kafka. Records of one size and key are few, but for payloads of a fixed
/// size, and of those the latest are the likeliest.
const COMPARED: usize = 32;
/// Slices that are looked through, of about a million events each: their sizes alone are read, in some 15 ms a slice.
const SLICES: i64 = 16;
/// Nobody waits for the answer, but the reader is one of few.
const DEADLINE: Duration = Duration::from_secs(20);

/// Where a record lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// False for a topic that was deleted since: the cluster may have another under this name.
    pub current: bool,
}

/// A record as large as the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The record.
    pub reference: EventRef,
    /// Where it lies.
    pub place: Place,
    /// Their timestamps are the same.
    pub same_time: bool,
    /// Their keys are the same, or both have none.
    pub same_key: bool,
    /// It lies on the topic that a name points at.
    pub named: bool,
}

/// A bare failure, and what it may repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspects {
    /// The cluster of all of them.
    pub cluster: String,
    /// Where the failure lies.
    pub letter: Place,
    /// Size of their values.
    pub value_bytes: i64,
    /// The likeliest first.
    pub candidates: Vec<Candidate>,
    /// Whether there are more.
    pub cut: bool,
}

impl Readers {
    /// What `failure` may repeat; `None` when the database does not have it (any more).
    ///
    /// # Errors
    /// As [`super::Reader::ask`].
    pub fn suspects(&self, failure: &BareFailure) -> Result<Option<Suspects>, Error> {
        let micros = |span: Duration| Cell::Int(i64::try_from(span.as_micros()).unwrap_or(i64::MAX));
        let values = [
            Cell::Int(failure.reference.0),
            micros(READ_BEFORE),
            micros(CLOCKS_DIFFER),
            failure.topic.clone().map_or(Cell::Null, Cell::Text),
            Cell::Int(COMPARED as i64),
            Cell::Int(SLICES),
        ];
        let limits = Limits { rows: COMPARED, deadline: DEADLINE };
        let answer = self.reader()?.answer(&ask::SAME_SIZE, &values, limits)?;
        Ok(read(&answer.table))
    }
}

fn read(table: &Table) -> Option<Suspects> {
    let first = table.rows.first()?;
    Some(Suspects {
        cluster: text(first.first()?)?,
        letter: place(first.get(1..5)?)?,
        value_bytes: number(first.get(5)?)?,
        cut: first.get(6)? == &Cell::Bool(true),
        candidates: table.rows.iter().filter_map(|row| candidate(row.get(7..15)?)).collect(),
    })
}

fn candidate(row: &[Cell]) -> Option<Candidate> {
    Some(Candidate {
        reference: EventRef(number(&row[0])?),
        place: place(row.get(1..5)?)?,
        same_time: row[5] == Cell::Bool(true),
        same_key: row[6] == Cell::Bool(true),
        named: row[7] == Cell::Bool(true),
    })
}

fn place(row: &[Cell]) -> Option<Place> {
    let [topic, partition, offset, current] = row else { return None };
    Some(Place {
        topic: text(topic)?,
        partition: i32::try_from(number(partition)?).ok()?,
        offset: number(offset)?,
        current: *current == Cell::Bool(true),
    })
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn number(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int(number) => Some(*number),
        _ => None,
    }
}

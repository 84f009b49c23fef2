//! From what a person has at hand to events: every meaning is looked up, and nothing is guessed.

use super::id::{self, Meaning};
use super::{Client, key, query};
use crate::event::{Coordinates, HashKey, Identifier, Spelling, TraceContext};
use crate::report::rows::{CoverageLine, Match, RowError};
use crate::report::{Cell, Table, json, style};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Why an id could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Nothing was typed.
    #[error("the ID is empty; name an event, such as orders/0/12 or key:4711")]
    Empty,
    /// A question got no answer.
    #[error(transparent)]
    Ask(#[from] super::Error),
    /// An answer cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The database does not say under which key it hashes ids.
    #[error("the database has lost the key of its ids: restore it from a backup")]
    IdKey,
    /// The secret of the record keys is not at hand.
    #[error("{0}")]
    Secret(String),
}

/// How an event matches that names the value as its cause.
const CAUSATION: &str = "causation_id";

/// Gives the secret of a database's record keys, or says why not and what to do.
pub type Secret<'a> = &'a dyn Fn() -> Result<HashKey, String>;

/// Where ids are looked up.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Answers the questions.
    pub client: &'a Client,
    /// Asked for only when a record key is looked up.
    pub secret: Secret<'a>,
}

/// All events that an id can mean.
#[derive(Debug, Default)]
pub struct Found {
    /// Each event once, in the order in which it was found.
    pub matches: Vec<Match>,
    /// The same as JSON.
    pub json: Vec<Value>,
    /// What a person should know about how it matched.
    pub notes: Vec<String>,
}

impl Found {
    fn add(&mut self, table: &Table, wanted: impl Fn(&Match) -> bool) -> Result<(), FindError> {
        let known: BTreeSet<i64> = self.matches.iter().map(|m| m.reference).collect();
        for (found, value) in Match::from_table(table)?.into_iter().zip(json::rows(table)) {
            if wanted(&found) && !known.contains(&found.reference) {
                self.matches.push(found);
                self.json.push(value);
            }
        }
        Ok(())
    }
}

/// Looks up everything that `text` can mean.
///
/// # Errors
/// An empty text, a question without an answer, or a record key whose secret is not at hand.
pub fn all(place: Place<'_>, text: &str) -> Result<Found, FindError> {
    let meanings = id::meanings(text);
    if meanings.is_empty() {
        return Err(FindError::Empty);
    }
    let mut found = Found::default();
    for meaning in &meanings {
        look_up(place, meaning, &mut found)?;
    }
    Ok(found)
}

fn look_up(place: Place<'_>, meaning: &Meaning, found: &mut Found) -> Result<(), FindError> {
    let client = place.client;
    match meaning {
        Meaning::Coordinates { cluster, topic, partition, offset } => {
            let at = [Cell::Text(topic.clone()), Cell::Int(i64::from(*partition)), Cell::Int(*offset)];
            let table = client.ask(&query::FIND_COORDINATES, &at)?;
            let Some(cluster) = cluster else { return found.add(&table, |_| true) };
            let mut here = BTreeSet::new();
            for candidate in Match::from_table(&table)? {
                let on = place_of(client, candidate.reference)?;
                here.extend(on.filter(|(on, _)| on == cluster).map(|_| candidate.reference));
            }
            found.add(&table, |m| here.contains(&m.reference))
        }
        Meaning::Trace { hi, lo } => {
            found.add(&client.ask(&query::FIND_VALUE, &[half(*hi), half(*lo)])?, |m| m.matched == "trace_id")
        }
        Meaning::Ref(reference) => {
            let Some((_, at)) = place_of(client, *reference)? else { return Ok(()) };
            found.add(&client.ask(&query::FIND_COORDINATES, &at)?, |m| m.reference == *reference)
        }
        Meaning::Id(text) => by_id(client, text, found),
        Meaning::Key(value) => by_key(place, value, found),
    }
}

/// UUIDs and 32 hexadecimal digits are their own value; of all other ids the value is a hash under the database's key.
/// An id that was only ever named as a cause is found where it was named.
fn by_id(client: &Client, text: &str, found: &mut Found) -> Result<(), FindError> {
    let mut id = Identifier::parse(text.as_bytes(), &HashKey([0; 16]));
    if id.spelling == Spelling::Text {
        id = Identifier::parse(text.as_bytes(), &id_key(client)?);
    }
    let table = client.ask(&query::FIND_VALUE, &[half(id.hi), half(id.lo)])?;
    found.add(&table, |m| m.matched != CAUSATION)?;
    match found.matches.is_empty() {
        true => found.add(&table, |_| true),
        false => Ok(()),
    }
}

/// The key under which the database hashes ids that are no UUIDs.
///
/// # Errors
/// A question without an answer, or a database that has lost it.
pub fn id_key(client: &Client) -> Result<HashKey, FindError> {
    let table = client.ask(&query::ID_KEY, &[])?;
    let key = match table.rows.first().and_then(|row| row.first()) {
        Some(Cell::Text(text)) => u128::from_str_radix(text, 16).ok(),
        _ => None,
    };
    key.map(|key| HashKey(key.to_be_bytes())).ok_or(FindError::IdKey)
}

/// The keyed hashes of all ways to write the key `value`, each with the way in words.
pub fn key_hashes(secret: &HashKey, value: &str) -> BTreeMap<i64, String> {
    key::readings(value).into_iter().rev().map(|r| (secret.hash(&r.bytes) as i64, r.how)).collect()
}

/// Keys are kept as keyed hashes: every way to write the key is hashed, and those that the database may hold are looked up.
fn by_key(place: Place<'_>, value: &str, found: &mut Found) -> Result<(), FindError> {
    let secret = (place.secret)().map_err(FindError::Secret)?;
    let readings = key_hashes(&secret, value);
    let hashes: Vec<String> = readings.keys().map(ToString::to_string).collect();
    let held = place.client.ask(&query::KEYS_HELD, &[Cell::Text(hashes.join(","))])?;
    let mut matched = BTreeSet::new();
    for cell in held.rows.into_iter().flatten() {
        let table = place.client.ask(&query::FIND_KEY, std::slice::from_ref(&cell))?;
        if let (Cell::Int(hash), false) = (cell, table.rows.is_empty()) {
            matched.extend(readings.get(&hash));
        }
        found.add(&table, |_| true)?;
    }
    found.notes.extend(matched.into_iter().map(|how| format!("the key matches as {how}")));
    Ok(())
}

/// The cluster of a ref, and its topic, partition and offset; `None` for a number that is no ref.
fn place_of(client: &Client, reference: i64) -> Result<Option<(String, [Cell; 3])>, FindError> {
    let table = client.ask(&query::PLACE_OF, &[Cell::Int(reference)])?;
    let row = table.rows.into_iter().next().and_then(|row| <[Cell; 4]>::try_from(row).ok());
    Ok(row.and_then(|[cluster, topic, partition, offset]| match cluster {
        Cell::Text(cluster) => Some((cluster, [topic, partition, offset])),
        _ => None,
    }))
}

/// All ways to write the record key `value`.
pub fn key_bytes(value: &str) -> Vec<Vec<u8>> {
    key::readings(value).into_iter().map(|reading| reading.bytes).collect()
}

/// The trace id of a whole `traceparent`; `None` for all else.
pub fn trace_of(text: &str) -> Option<String> {
    let context = TraceContext::parse(text.trim().as_bytes())?;
    Some(format!("{:016x}{:016x}", context.trace_hi, context.trace_lo))
}

/// Why the record at `at` was understood as it was, as a JSON document of the tap whose door this is; without `values`
/// nothing that was written in it.
///
/// # Errors
/// A question without an answer: why the record could not be read stands in it.
pub fn live_explanation(client: &Client, at: &Coordinates, values: bool) -> Result<String, super::Error> {
    let quoted = at.to_string().replace('\'', "\'\'");
    let hidden = if values { "" } else { ", 'no values'" };
    let table = client.sql(&format!("FROM live_explain('{quoted}', 'json'{hidden})"))?;
    match table.rows.into_iter().flatten().next() {
        Some(Cell::Text(text)) => Ok(text),
        _ => Err(super::Error::Refused(
            "the tap gave no explanation; is it of an older version? Start the new one".to_owned(),
        )),
    }
}

fn half(bits: u64) -> Cell {
    Cell::Int(bits as i64)
}

/// Why nothing was found: it was read and deleted since, or as [`explain`].
///
/// # Errors
/// A question without an answer.
pub fn why_not(client: &Client, text: &str, coverage: &[CoverageLine]) -> Result<String, super::Error> {
    for meaning in id::meanings(text) {
        let Meaning::Coordinates { cluster, topic, partition, offset } = meaning else { continue };
        let at = [Cell::Text(topic.clone()), Cell::Int(i64::from(partition)), Cell::Int(offset)];
        let table = client.ask(&query::DELETED_AT, &at)?;
        let here = table.rows.iter().find_map(|row| match row.as_slice() {
            [Cell::Text(on), Cell::Time(seen)] if cluster.as_ref().is_none_or(|cluster| cluster == on) => Some(*seen),
            _ => None,
        });
        if let Some(seen) = here {
            let until = style::rfc3339(seen);
            return Ok(format!(
                "{topic}/{partition}/{offset} was read, and deleted by retention: events of this partition up to \
                 {until} are gone; counts and failures are kept"
            ));
        }
    }
    Ok(explain(text, coverage))
}

/// Why nothing was found, as far as coverage tells, and what to try next.
pub fn explain(text: &str, coverage: &[CoverageLine]) -> String {
    for meaning in id::meanings(text) {
        match meaning {
            Meaning::Coordinates { cluster, topic, partition, offset } => {
                let wanted = |line: &&CoverageLine| {
                    line.topic == topic && cluster.as_ref().is_none_or(|cluster| line.cluster == *cluster)
                };
                let lines: Vec<&CoverageLine> = coverage.iter().filter(wanted).collect();
                let on = cluster.as_ref().map(|cluster| format!(" on cluster {cluster}")).unwrap_or_default();
                return match lines.is_empty() {
                    true => format!(
                        "topic {topic} was not read{on}: is it spelt so, and do --topics and --exclude let it through?"
                    ),
                    false => at(partition, offset, &lines),
                };
            }
            Meaning::Key(_) => {
                return "the key was tried as text, JSON, numbers, UUID and behind the Confluent prefix; \
                        a database made with another key file cannot be searched"
                    .to_owned();
            }
            _ => {}
        }
    }
    format!("it was looked up as event, correlation, causation and trace id; for a record key type key:{}", text.trim())
}

/// What became of one offset of a topic that was read.
fn at(partition: i32, offset: i64, lines: &[&CoverageLine]) -> String {
    let here = lines.iter().find(|line| line.partition == i64::from(partition) && line.reason.is_none());
    let Some(line) = here else {
        return format!("of this topic, partition {partition} was not read");
    };
    let read =
        format!("of {}/{partition}, offsets {} to {} were read", line.topic, line.first_offset, line.next_offset - 1);
    match offset {
        before if before < line.first_offset => format!("{read}: this one lies before; tap with --from earliest"),
        after if after >= line.next_offset => format!("{read}: this one lies behind them; ask again later"),
        _ => format!("{read}: this one holds no event (a marker, an aborted record or a hole)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(first_offset: i64, next_offset: i64) -> CoverageLine {
        CoverageLine {
            cluster: "kafka".to_owned(),
            topic: "orders".to_owned(),
            partition: 2,
            reason: None,
            first_offset,
            next_offset,
            seen: Some(next_offset - first_offset),
            missing: None,
        }
    }

    #[test]
    fn nothing_found_names_the_likely_reason() {
        let coverage = [line(60, 90)];
        assert!(explain("orders/2/12", &coverage).contains("offsets 60 to 89 were read: this one lies before"));
        assert!(explain("orders/2/90", &coverage).contains("lies behind"));
        assert!(explain("orders/2/70", &coverage).contains("holds no event"));
        assert!(explain("orders/0/70", &coverage).contains("partition 0 was not read"));
        assert!(explain("order/0/70", &coverage).contains("topic order was not read"));
        assert!(explain("4711", &coverage).contains("key:4711"));
        assert!(explain("key:4711", &coverage).contains("Confluent"));
    }
}

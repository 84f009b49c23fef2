//! From what a person has at hand to events: every meaning is looked up, and nothing is guessed.

use super::id::{self, Meaning};
use super::source::Source;
use super::{key, output};
use crate::client::query;
use crate::event::{HashKey, Identifier, Spelling};
use crate::report::rows::{CoverageLine, Match, TraceNode};
use crate::report::{Cell, Table, json};
use crate::tap;
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// All events that an id can mean.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Each event once, in the order in which it was found.
    pub matches: Vec<Match>,
    /// The same as JSON.
    pub json: Vec<Value>,
}

impl Found {
    fn add(&mut self, table: &Table, wanted: impl Fn(&Match) -> bool) -> anyhow::Result<()> {
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
pub(super) fn all(source: &Source, text: &str) -> anyhow::Result<Found> {
    let meanings = id::meanings(text);
    if meanings.is_empty() {
        return Err(super::Usage("the ID is empty; name an event, such as orders/0/12 or key:4711".to_owned()).into());
    }
    let mut found = Found::default();
    for meaning in &meanings {
        look_up(source, meaning, &mut found)?;
    }
    Ok(found)
}

fn look_up(source: &Source, meaning: &Meaning, found: &mut Found) -> anyhow::Result<()> {
    match meaning {
        Meaning::Coordinates { cluster, topic, partition, offset } => {
            let place = [Cell::Text(topic.clone()), Cell::Int(i64::from(*partition)), Cell::Int(*offset)];
            let table = source.client.ask(&query::FIND_COORDINATES, &place)?;
            let Some(cluster) = cluster else { return found.add(&table, |_| true) };
            let mut here = BTreeSet::new();
            for candidate in Match::from_table(&table)? {
                here.extend(event(source, candidate.reference)?.filter(|e| e.cluster == *cluster).map(|e| e.reference));
            }
            found.add(&table, |m| here.contains(&m.reference))
        }
        Meaning::Trace(digits) => {
            let [hi, lo] = halves(u128::from_str_radix(digits, 16).context("read the trace id")?);
            found.add(&source.client.ask(&query::FIND_TRACE, &[hi, lo])?, |_| true)
        }
        Meaning::Ref(reference) => {
            let Some(event) = event(source, *reference)? else { return Ok(()) };
            let place = [Cell::Text(event.topic), Cell::Int(event.partition), Cell::Int(event.offset)];
            found.add(&source.client.ask(&query::FIND_COORDINATES, &place)?, |m| m.reference == *reference)
        }
        Meaning::Id(text) => by_id(source, text, found),
        Meaning::Key(value) => by_key(source, value, found),
    }
}

/// UUIDs and 32 hexadecimal digits are their own value; all other ids are found by their text.
fn by_id(source: &Source, text: &str, found: &mut Found) -> anyhow::Result<()> {
    let id = Identifier::parse(text.as_bytes(), &HashKey([0; 16]));
    if id.spelling == Spelling::Text {
        return found.add(&source.client.ask(&query::FIND_TEXT, &[Cell::Text(text.to_owned())])?, |_| true);
    }
    let halves = halves(u128::from(id.hi) << 64 | u128::from(id.lo));
    found.add(&source.client.ask(&query::FIND_ID, &halves)?, |_| true)?;
    found.add(&source.client.ask(&query::FIND_CORRELATION, &halves)?, |_| true)
}

/// Keys are kept as keyed hashes: every way to write the key is hashed and looked up, in one question.
fn by_key(source: &Source, value: &str, found: &mut Found) -> anyhow::Result<()> {
    let path = tap::secret_path(&source.database);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("cannot read {}, without which keys cannot be searched; ask where the tap runs", path.display())
    })?;
    let Ok(secret) = tap::parse_secret(&text) else {
        bail!("{} holds no key of 32 hex digits; restore it from where the tap wrote it", path.display());
    };
    let readings: BTreeMap<i64, String> =
        key::readings(value).into_iter().rev().map(|r| (secret.hash(&r.bytes) as i64, r.how)).collect();
    let hashes: Vec<String> = readings.keys().map(ToString::to_string).collect();
    let table = source.client.ask(&query::FIND_KEYS, &[Cell::Text(hashes.join(","))])?;
    let hash_at = table.columns.iter().position(|column| column.name == "key_hash");
    let matched: BTreeSet<&str> = table
        .rows
        .iter()
        .filter_map(|row| match row.get(hash_at?) {
            Some(Cell::Int(hash)) => readings.get(hash).map(String::as_str),
            _ => None,
        })
        .collect();
    for how in matched {
        output::note(&format!("headwater: the key matches as {how}"));
    }
    found.add(&table, |_| true)
}

/// The event itself, when it was seen.
fn event(source: &Source, reference: i64) -> anyhow::Result<Option<TraceNode>> {
    let nodes = TraceNode::from_table(&source.client.ask(&query::TRACE_NODES, &[Cell::Int(reference)])?)?;
    Ok(nodes.into_iter().find(|node| node.reference == reference))
}

fn halves(id: u128) -> [Cell; 2] {
    [Cell::Int((id >> 64) as u64 as i64), Cell::Int(id as u64 as i64)]
}

/// Why nothing was found, as far as coverage tells, and what to try next.
pub(super) fn explain(text: &str, coverage: &[CoverageLine]) -> String {
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

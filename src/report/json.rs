//! JSON for programs: field names are the columns of the SQL contract and stay what they are.
//!
//! Refs, conversations and key hashes are strings, since JavaScript rounds above 2^53. A record always carries its
//! `coordinates`. Times are RFC 3339 in UTC. Text stays as it was: JSON escapes what a terminal would obey.

use super::conversation::{Conversation, Outcome};
use super::graph::Hop;
use super::rows::Duplicate;
use super::skeleton::{Group, Summed, Way};
use super::{Cell, Column, ColumnType, Table, duplicates, levels, style};
use crate::event::clean;
use serde_json::{Map, Number, Value, json};

/// 64-bit columns that name something and are never calculated with.
const NAMES: [&str; 13] = [
    "ref",
    "conversation",
    "origin",
    "root",
    "effect",
    "cause",
    "key_hash",
    "healed_by",
    "current_id",
    "old_id",
    "parent",
    "example",
    "newest",
];
/// Largest whole number that every JSON reader keeps exactly: 2^53 - 1.
const SAFE_MAX: i128 = (1 << 53) - 1;

/// The answers that one conversation is made of, as they came.
#[derive(Debug, Clone, Default)]
pub struct TraceTables {
    /// Its events.
    pub nodes: Table,
    /// Its edges.
    pub edges: Table,
    /// Its failures.
    pub failures: Table,
    /// How far the groups have come.
    pub passage: Table,
    /// Coverage of its partitions.
    pub coverage: Table,
    /// Of a conversation that is too large to be read whole: what is not in `nodes`.
    pub summed: Option<Summed>,
}

/// All rows of an answer, one object each.
pub fn rows(table: &Table) -> Vec<Value> {
    table.rows.iter().map(|row| Value::Object(row_object(&table.columns, row))).collect()
}

/// One line a row, each an object.
pub fn ndjson(table: &Table) -> String {
    rows(table).iter().map(|row| harmless(&format!("{row}\n"))).collect()
}

/// The elements of an array, each after what `separator` gives: all parts of an answer between `[` and `]`.
pub fn elements(table: &Table, mut separator: impl FnMut() -> &'static str) -> String {
    let element = |row: &Value| format!("{}{}", separator(), harmless(&format!("{row:#}")).replace('\n', "\n  "));
    rows(table).iter().map(element).collect()
}

/// `value`, indented, with a line end.
pub fn document(value: &Value) -> String {
    harmless(&format!("{value:#}\n"))
}

/// The same JSON with every character escaped that a terminal could obey: JSON itself asks for those below U+0020 only.
/// Such characters stand in strings only, where an escape means the same.
fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || matches!(c, ' '..='~') || clean(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            out.push(c);
        } else {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    out
}

/// One conversation: its events, causes, failures, passage and coverage, and what the graph says of them.
pub fn trace(conversation: &Conversation, tables: &TraceTables, asked: &[i64]) -> Value {
    let place = |reference: &i64| {
        let coordinates = conversation.event(*reference).map(super::tree::raw_coordinates);
        json!({ "ref": reference.to_string(), "coordinates": coordinates })
    };
    let heads = |branches: &[usize]| -> Vec<Value> {
        branches.iter().map(|&branch| place(&conversation.head(branch).reference)).collect()
    };
    let (outcome, groups) = outcome(&conversation.outcome());
    json!({
        "outcome": outcome,
        "groups": groups,
        "asked": asked.iter().map(place).collect::<Vec<_>>(),
        "root_known": conversation.root_known,
        "events_total": conversation.events(),
        "shape": shape(conversation),
        "summed": conversation.summed.as_ref().map(summed),
        "deleted_before": conversation.deleted_before.map(|time| style::rfc3339(time.0)),
        "failures_as_of": conversation.as_of.map(|time| style::rfc3339(time.0)),
        "again": conversation.again.values().map(again).collect::<Vec<_>>(),
        "roots": heads(&conversation.roots),
        "not_linked": heads(&conversation.detached),
        "first_failure": conversation.first_failure.as_ref().map(place),
        "events": rows(&tables.nodes),
        "causes": edges(conversation, &tables.edges),
        "failures": placed(conversation, &tables.failures),
        "passage": rows(&tables.passage),
        "coverage": rows(&tables.coverage),
    })
}

/// An event that came again, and the rewind that made it where one was seen.
fn again(one: &Duplicate) -> Value {
    json!({
        "ref": one.reference.to_string(),
        "coordinates": one.coordinates,
        "kind": one.kind,
        "first_coordinates": one.first_coordinates,
        "cause_coordinates": one.cause_coordinates,
        "came_back": one.came_back,
        "rewind": duplicates::rewind(one),
    })
}

/// What the graph is like: every event by ref and, where it is among `events`, by coordinates.
fn shape(conversation: &Conversation) -> Value {
    let shape = &conversation.shape;
    let place = |at: i64| {
        let coordinates = conversation.event(at).map(super::tree::raw_coordinates);
        json!({ "ref": at.to_string(), "coordinates": coordinates })
    };
    let hop = |hop: &Hop| {
        let mut object = place(hop.reference);
        object["after_ms"] = ms(hop.after_us);
        object
    };
    let cycle = |cycle: &Vec<i64>| cycle.iter().copied().map(place).collect::<Vec<Value>>();
    json!({
        "levels": shape.levels,
        "widest_level": shape.widest_level,
        "widest_events": shape.widest_events,
        "several_causes": shape.joining,
        "path": shape.chain.iter().map(hop).collect::<Vec<Value>>(),
        "path_hops": shape.hops,
        "path_ms": ms(shape.chain_us),
        "cycle_count": shape.cycle_count,
        "cycles": shape.cycles.iter().map(cycle).collect::<Vec<_>>(),
    })
}

fn ms(us: i64) -> Value {
    Number::from_f64(us as f64 / 1_000.0).map_or(Value::Null, Value::Number)
}

/// What of a large conversation is not among `events`.
fn summed(summed: &Summed) -> Value {
    let group = |group: &Group| {
        json!({
            "level": group.level,
            "last_level": group.last_level,
            "cluster": group.cluster,
            "topic": group.topic,
            "type": group.event_type,
            "events": group.events,
            "failures": group.failures,
            "first_time": style::rfc3339(group.first.0),
            "last_time": style::rfc3339(group.last.0),
        })
    };
    let way = |way: &Way| {
        json!({
            "effect": way.effect.to_string(),
            "cause": way.cause.to_string(),
            "events_between": way.skipped,
            "class": if way.certain { "declared" } else { "inferred" },
        })
    };
    json!({
        "events": summed.events,
        "groups": summed.groups.iter().map(group).collect::<Vec<_>>(),
        "group_count": summed.group_count,
        "ways": summed.ways.iter().map(way).collect::<Vec<_>>(),
        "failures": summed.failures,
        "failures_not_shown": summed.failures_hidden,
        "cut": summed.cut,
        "said": levels::sentence(summed),
    })
}

fn outcome(outcome: &Outcome) -> (&'static str, Vec<String>) {
    match outcome {
        Outcome::Failed(groups) => ("failed", groups.clone()),
        Outcome::Retrying(groups) => ("retrying", groups.clone()),
        Outcome::Healed => ("healed", Vec::new()),
        Outcome::Orphaned(_) => ("orphaned", Vec::new()),
        Outcome::Waiting(_) => ("waiting", Vec::new()),
        Outcome::NoFailure => ("no_failure", Vec::new()),
    }
}

/// Edges name two records: each carries the coordinates of both.
fn edges(conversation: &Conversation, table: &Table) -> Vec<Value> {
    with_places(conversation, table, &[("effect", "effect_coordinates"), ("cause", "cause_coordinates")])
}

/// Failures name their record by its ref.
fn placed(conversation: &Conversation, table: &Table) -> Vec<Value> {
    with_places(conversation, table, &[("ref", "coordinates")])
}

/// Rows with the coordinates of the records that they name: each pair is the column of a ref and the new field.
fn with_places(conversation: &Conversation, table: &Table, pairs: &[(&str, &str)]) -> Vec<Value> {
    let at = |name: &str| table.columns.iter().position(|column| column.name == name);
    let pairs: Vec<(Option<usize>, &str)> = pairs.iter().map(|(column, field)| (at(column), *field)).collect();
    let object = |row: &Vec<Cell>| {
        let mut object = row_object(&table.columns, row);
        for (column, field) in &pairs {
            let event = match column.and_then(|at| row.get(at)) {
                Some(Cell::Int(reference)) => conversation.event(*reference),
                _ => None,
            };
            object.insert((*field).to_owned(), event.map(super::tree::raw_coordinates).into());
        }
        Value::Object(object)
    };
    table.rows.iter().map(object).collect()
}

fn row_object(columns: &[Column], row: &[Cell]) -> Map<String, Value> {
    let mut object: Map<String, Value> =
        columns.iter().zip(row).map(|(column, cell)| (column.name.clone(), value(column, cell))).collect();
    for prefix in ["", "origin_", "root_"] {
        let name = format!("{prefix}coordinates");
        let place = coordinates(columns, row, prefix);
        if let (Some(place), false) = (place, object.contains_key(&name)) {
            object.insert(name, place.into());
        }
    }
    object
}

/// `topic/partition/offset` of a row that has all three.
fn coordinates(columns: &[Column], row: &[Cell], prefix: &str) -> Option<String> {
    let cell = |name: &str| {
        let at = columns.iter().position(|c| c.name.strip_prefix(prefix) == Some(name))?;
        row.get(at)
    };
    match (cell("topic")?, cell("partition")?, cell("offset")?) {
        (Cell::Text(topic), Cell::Int(partition), Cell::Int(offset)) => Some(format!("{topic}/{partition}/{offset}")),
        _ => None,
    }
}

/// True for a column whose numbers are names.
fn names_something(column: &Column) -> bool {
    matches!(column.kind, ColumnType::BigInt | ColumnType::HugeInt)
        && (NAMES.contains(&column.name.as_str()) || column.name.ends_with("_ref"))
}

fn value(column: &Column, cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(b) => Value::Bool(*b),
        Cell::Int(n) if names_something(column) => Value::String(n.to_string()),
        Cell::Wide(n) if names_something(column) => Value::String(n.to_string()),
        Cell::Int(n) => Value::Number((*n).into()),
        Cell::Wide(n) if n.abs() <= SAFE_MAX => Value::Number((*n as i64).into()),
        Cell::Wide(n) => Value::String(n.to_string()),
        // JSON has no NaN and no infinity.
        Cell::Float(n) => Number::from_f64(*n).map_or(Value::Null, Value::Number),
        Cell::Time(us) => Value::String(style::rfc3339(*us)),
        Cell::Text(text) => Value::String(text.clone()),
        Cell::List(cells) => Value::Array(cells.iter().map(|cell| value(column, cell)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, ColumnType)], row: Vec<Cell>) -> Table {
        let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
        Table { columns, rows: vec![row] }
    }

    #[test]
    fn refs_are_strings_and_records_carry_their_coordinates() {
        let answer = table(
            &[
                ("ref", ColumnType::BigInt),
                ("topic", ColumnType::Text),
                ("partition", ColumnType::Int),
                ("offset", ColumnType::BigInt),
                ("time", ColumnType::Time),
                ("origin", ColumnType::BigInt),
                ("origin_topic", ColumnType::Text),
                ("origin_partition", ColumnType::Int),
                ("origin_offset", ColumnType::BigInt),
            ],
            vec![
                Cell::Int(i64::MAX),
                Cell::Text("or\u{1b}ders".into()),
                Cell::Int(2),
                Cell::Int(881),
                Cell::Time(1_500_000),
                Cell::Null,
                Cell::Text("pay".into()),
                Cell::Int(0),
                Cell::Int(9),
            ],
        );
        insta::assert_snapshot!(ndjson(&answer), @r#"{"coordinates":"or\u001bders/2/881","offset":881,"origin":null,"origin_coordinates":"pay/0/9","origin_offset":9,"origin_partition":0,"origin_topic":"pay","partition":2,"ref":"9223372036854775807","time":"1970-01-01T00:00:01.5Z","topic":"or\u001bders"}"#);
    }

    #[test]
    fn every_cell_has_a_value_that_json_can_hold() {
        let columns = [
            ("n", ColumnType::Int),
            ("total", ColumnType::HugeInt),
            ("big", ColumnType::HugeInt),
            ("nan", ColumnType::Float),
            ("list", ColumnType::TextList),
            ("cause", ColumnType::Text),
        ];
        let row = vec![
            Cell::Int(-1),
            Cell::Wide(7),
            Cell::Wide(i128::MAX),
            Cell::Float(f64::NAN),
            Cell::List(vec![Cell::Text("a".into()), Cell::Null]),
            Cell::Text("not a ref, but \u{9b}31m \u{202e} and 比".into()),
        ];
        insta::assert_snapshot!(
            ndjson(&table(&columns, row)),
            @r#"{"big":"170141183460469231731687303715884105727","cause":"not a ref, but \u009b31m \u202e and 比","list":["a",null],"n":-1,"nan":null,"total":7}"#
        );
    }
}

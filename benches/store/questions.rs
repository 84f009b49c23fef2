//! What people ask, timed as the product answers it, and how many rows DuckDB scanned for it.

use super::company::{BEGIN, DAY, Remembered};
use super::names::{CLUSTER, TOPICS, topic_name};
use super::{keys, raw};
use crate::{Goal, Row, median};
use duckdb::{AccessMode, Connection};
use headwater::client::find::{self, Place};
use headwater::client::{Client, Query, query, trace};
use headwater::event::{HashKey, Identifier};
use headwater::report::conversation::Conversation;
use headwater::report::rows::{TraceEdge, TraceNode};
use headwater::report::{Cell, Table};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// A question that takes longer than this is asked once more, no matter how many rounds are wanted.
const PATIENCE_MS: f64 = 10_000.0;
/// Width of a bar of a panel that shows 30 days, as Grafana chooses it.
const PANEL_STEP_S: u32 = 3_600;
const OVERVIEW: &str = include_str!("../../dashboards/overview.json");

/// Asks, and gives how many rows were found.
type Ask<'a> = dyn Fn(&Client) -> Result<usize, String> + 'a;

/// A question: how it is asked, and the statements that it comes down to.
struct Question<'a> {
    name: &'static str,
    goal: Goal,
    ask: Box<Ask<'a>>,
    /// Rows that it must find; `None` where any number but none is right.
    finds: Option<usize>,
    statements: Vec<String>,
}

/// Asks everything of the closed file at `path`; `remembered` has a conversation with an own key, then one with a common key.
pub fn ask_all(path: &Path, remembered: &[Remembered], rounds: usize) -> Vec<Row> {
    let [own, common] = remembered else { panic!("two conversations are remembered") };
    let client = Client::open(path).unwrap();
    let mut questions = traces(&client, own);
    questions.extend([key("key", own), key("key_common", common)]);
    let nothing = [Cell::Null, Cell::Null, Cell::Bool(false), Cell::Bool(false), Cell::Null, Cell::Null];
    questions.push(named("failures", 300.0, &query::FAILURES, &nothing));
    questions.push(named("counts", 200.0, &query::COUNTS, &[Cell::Null, Cell::Null]));
    for (name, title) in
        [("panel_total", "Received"), ("panel_events", "Events a minute"), ("panel_failed", "Failed and healed")]
    {
        questions.push(text(name, 200.0, panel(title)));
    }
    questions.push(text("newest", 50.0, "SELECT * FROM event ORDER BY seen_time DESC LIMIT 50".into()));
    questions.push(text("count", 50.0, "SELECT count(*) FROM event".into()));
    let timed: Vec<(f64, bool)> = questions.iter().map(|question| time(&client, question, rounds)).collect();
    drop(client);
    let conn = raw::open(path, AccessMode::ReadOnly, "256MB");
    let mut known = BTreeMap::new();
    let mut scans = |sql: &String| *known.entry(sql.clone()).or_insert_with(|| scanned(&conn, sql));
    let row = |(question, (value, right)): (&Question<'_>, (f64, bool))| Row {
        name: question.name,
        value: if right { value } else { f64::INFINITY },
        unit: "ms",
        goal: question.goal,
        scanned: question.statements.iter().map(&mut scans).sum(),
        more: Vec::new(),
    };
    questions.iter().zip(timed).map(row).collect()
}

/// Median of some runs, in ms, after one that warms up; and whether it found what it must.
fn time(client: &Client, question: &Question<'_>, rounds: usize) -> (f64, bool) {
    let once = || {
        let begun = Instant::now();
        let found = (question.ask)(client);
        (begun.elapsed().as_secs_f64() * 1e3, found)
    };
    let (first, found) = once();
    let right = match (&found, question.finds) {
        (Ok(rows), Some(wanted)) => *rows == wanted,
        (Ok(rows), None) => *rows > 0,
        (Err(_), _) => false,
    };
    if !right {
        eprintln!("{}: found {found:?}, but should {:?}", question.name, question.finds);
        return (first, false);
    }
    let runs = if first > PATIENCE_MS { 1 } else { rounds };
    (median((0..runs).map(|_| once().0).collect()), true)
}

fn text(name: &'static str, at_most: f64, sql: String) -> Question<'static> {
    let asked = sql.clone();
    let ask = move |client: &Client| client.sql(&asked).map(|table| table.rows.len()).map_err(|e| e.to_string());
    Question { name, goal: Goal::AtMost(at_most), ask: Box::new(ask), finds: None, statements: vec![sql] }
}

fn named(name: &'static str, at_most: f64, query: &'static Query, values: &[Cell]) -> Question<'static> {
    let statements = vec![filled(query, values)];
    let values = values.to_vec();
    let ask =
        move |client: &Client| client.ask(query, &values).map(|table| table.rows.len()).map_err(|e| e.to_string());
    Question { name, goal: Goal::AtMost(at_most), ask: Box::new(ask), finds: None, statements }
}

/// One conversation by an event's id, by the trace id and by coordinates.
fn traces<'a>(client: &Client, wanted: &'a Remembered) -> Vec<Question<'a>> {
    let walk = walk(client, wanted.reference);
    let identifier = |text: &str| {
        let bits = u128::from_str_radix(&text.replace('-', ""), 16).unwrap();
        [Cell::Int((bits >> 64) as i64), Cell::Int(bits as i64)]
    };
    let (id, trace) = (identifier(&wanted.id), identifier(&wanted.trace));
    let mut parts = wanted.coordinates.split('/');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let at = [Cell::Text(next()), Cell::Int(next().parse().unwrap()), Cell::Int(next().parse().unwrap())];
    let by_id = |id: &[Cell]| filled(&query::FIND_VALUE, id);
    // Coordinates could be an id, too: its value is a hash under the database's key.
    let text = Identifier::parse(wanted.coordinates.as_bytes(), &id_key(client));
    let mut by_place = vec![filled(&query::FIND_COORDINATES, &at), filled(&query::ID_KEY, &[])];
    by_place.push(by_id(&[Cell::Int(text.hi as i64), Cell::Int(text.lo as i64)]));
    [
        ("trace_event", &wanted.id, vec![by_id(&id)]),
        ("trace_id", &wanted.trace, vec![by_id(&trace)]),
        ("trace_place", &wanted.coordinates, by_place),
    ]
    .map(|(name, text, mut statements)| {
        statements.extend(walk.iter().cloned());
        let ask = move |client: &Client| conversation(client, text);
        Question { name, goal: Goal::AtMost(100.0), ask: Box::new(ask), finds: Some(wanted.events), statements }
    })
    .into()
}

fn id_key(client: &Client) -> HashKey {
    let table = client.ask(&query::ID_KEY, &[]).unwrap();
    let Cell::Text(key) = &table.rows[0][0] else { panic!("a key is text") };
    HashKey(u128::from_str_radix(key, 16).unwrap().to_be_bytes())
}

/// What `headwater trace` does, up to the printing; gives the events.
fn conversation(client: &Client, text: &str) -> Result<usize, String> {
    let found = find::all(Place { client, secret: &|| Ok(keys()) }, text).map_err(|e| e.to_string())?;
    let first = found.matches.first().ok_or("nothing was found")?;
    let scope = trace::scope_of(client, first.conversation).map_err(|e| e.to_string())?;
    let (tables, _) = trace::fetch(client, &scope, &[first.reference]).map_err(|e| e.to_string())?;
    let nodes = TraceNode::from_table(&tables.nodes).map_err(|e| e.to_string())?;
    let (events, edges) = (nodes.len(), TraceEdge::from_table(&tables.edges).map_err(|e| e.to_string())?);
    if edges.len() + 1 != events {
        return Err(format!("{} edges between {events} events", edges.len()));
    }
    std::hint::black_box(Conversation::read(&tables).map_err(|e| e.to_string())?);
    Ok(events)
}

/// The statements of a conversation that was found.
fn walk(client: &Client, reference: i64) -> Vec<String> {
    let at = [Cell::Int(reference)];
    let scope = client.ask(&query::CONVERSATION_SCOPE, &at).unwrap().rows.remove(0);
    let mut statements = vec![filled(&query::SCOPE_OF, &at)];
    let within = [&query::SIZE_WITHIN, &query::NODES_WITHIN, &query::EDGES_WITHIN];
    statements.extend(within.into_iter().map(|query| filled(query, &scope)));
    statements.push(filled(&query::FAILURES_WITHIN, &[scope[0].clone(), scope[1].clone(), Cell::Null]));
    let nodes = client.ask(&query::NODES_WITHIN, &scope).unwrap_or_else(|_| Table::default());
    let refs: BTreeMap<_, _> = TraceNode::from_table(&nodes)
        .unwrap()
        .into_iter()
        .map(|node| ((node.topic, node.partition), node.reference.to_string()))
        .collect();
    let refs: Vec<String> = refs.into_values().collect();
    statements.push(filled(&query::PASSAGES_OF, &[Cell::Text(refs.join(","))]));
    statements.push(filled(&query::COVERAGE, &[]));
    statements
}

fn key<'a>(name: &'static str, wanted: &'a Remembered) -> Question<'a> {
    let ask = move |client: &Client| {
        let place = Place { client, secret: &|| Ok(keys()) };
        find::all(place, &format!("key:{}", wanted.key)).map(|found| found.matches.len()).map_err(|e| e.to_string())
    };
    let hashes = find::key_hashes(&keys(), &wanted.key).into_keys();
    let hashes: Vec<String> = hashes.map(|hash| hash.to_string()).collect();
    let statements = vec![
        filled(&query::KEYS_HELD, &[Cell::Text(hashes.join(","))]),
        filled(&query::FIND_KEY, &[Cell::Int(keys().hash(wanted.key.as_bytes()) as i64)]),
    ];
    Question { name, goal: Goal::AtMost(300.0), ask: Box::new(ask), finds: None, statements }
}

/// The first statement of a panel of the overview, over the 30 days that end a day after the events begin to end.
fn panel(title: &str) -> String {
    let board: serde_json::Value = serde_json::from_str(OVERVIEW).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let panel = panels.iter().find(|panel| panel["title"] == title).expect("the panel is there");
    let sql = panel["targets"][0]["rawSql"].as_str().unwrap();
    let time = |at: i64| {
        let at = jiff::Timestamp::from_microsecond(at).unwrap();
        format!("'{at:.3}'")
    };
    let (from, to) = (time(BEGIN + DAY / 2), time(BEGIN + DAY / 2 + 30 * DAY));
    let topics: Vec<String> = (0..TOPICS).map(|topic| format!("'{}'", topic_name(topic))).collect();
    let mut sql = sql
        .replace("$__interval_ms", &(PANEL_STEP_S * 1_000).to_string())
        .replace("$__timeFrom()", &from)
        .replace("$__timeTo()", &to)
        .replace("${topic:sqlstring}", &topics.join(","))
        .replace("${cluster:sqlstring}", &format!("'{CLUSTER}'"));
    while let Some((before, rest)) = sql.clone().split_once("$__time") {
        let (call, after) = rest.split_once(')').unwrap();
        let (macro_name, inside) = call.split_once('(').unwrap();
        let column = inside.split(',').next().unwrap_or_default();
        let text = match macro_name {
            "Filter" => format!("{column} BETWEEN {from} AND {to}"),
            _ => format!("time_bucket('{PANEL_STEP_S}s',{column})"),
        };
        sql = format!("{before}{text}{after}");
    }
    sql
}

/// `query` with values in the place of its parameters.
fn filled(query: &Query, values: &[Cell]) -> String {
    let mut sql = query.sql.trim().trim_end_matches(';').to_owned();
    for (at, value) in values.iter().enumerate() {
        let literal = match value {
            Cell::Null => "NULL".to_owned(),
            Cell::Bool(flag) => flag.to_string(),
            Cell::Int(number) => format!("CAST('{number}' AS BIGINT)"),
            Cell::Text(text) => format!("'{}'", text.replace('\'', "''")),
            other => panic!("{other:?} is no parameter here"),
        };
        sql = sql.replace(&format!("${}", at + 1), &literal);
    }
    sql
}

/// Rows that the table scans of a statement gave; `None` when it cannot be explained.
fn scanned(conn: &Connection, sql: &str) -> Option<u64> {
    let explain = format!("EXPLAIN (ANALYZE, FORMAT json) {sql}");
    let plan = conn.query_row(&explain, [], |row| row.get::<_, String>(1));
    let plan = plan.map_err(|error| eprintln!("cannot explain: {error}: {sql}")).ok()?;
    fn sum(node: &serde_json::Value) -> u64 {
        let own = node["operator_rows_scanned"].as_u64().unwrap_or(0);
        own + node["children"].as_array().into_iter().flatten().map(sum).sum::<u64>()
    }
    serde_json::from_str(&plan).ok().as_ref().map(sum)
}

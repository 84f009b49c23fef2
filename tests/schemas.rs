//! Bodies that need a schema registry: written by Confluent's own serializers, with schemas in a real registry, read from
//! a real Kafka by the real program. And what happens while the registry is away.

use crate::support::kafka::{Options, RealKafka};
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, answer, number, run, sql};
use crate::support::registry::{Body, Registry};
use crate::support::{Folder, poll_until};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const ORDER: &str = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";

/// What the three events are, by topic.
const EVENTS: &str = "SELECT topic, id, type, coalesce(causation_id, 'none'), epoch_ms(time) FROM event ORDER BY topic";

fn write(bootstrap: &str, bodies: &[Body]) {
    let writer = Writer::new(bootstrap, "none");
    for body in bodies {
        writer.send(&body.topic, &Outgoing { value: Some(body.value.clone()), ..Outgoing::default() });
    }
    writer.flush();
}

fn expected() -> Vec<Vec<String>> {
    let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
    vec![
        row(["invoices", "invoice-1", "invoiced", ORDER]),
        row(["orders", ORDER, "shop.orders.OrderPlaced", "none"]),
        row(["shipments", "shipment-1", "shop.shipping.Shipped", ORDER]),
    ]
}

/// The events without their times, which have to be those in the bodies where a schema is needed to read them.
fn events(folder: &Folder, door: Door<'_>) -> Vec<Vec<String>> {
    let mut rows = sql(folder.path(), door, EVENTS);
    let times: Vec<String> = rows.iter_mut().map(|row| row.pop().unwrap()).collect();
    assert_eq!(times[1..], ["1700000000123", "1700000001123"]);
    rows
}

/// Waits until a counter of the tap, which is written with the next commit, has this value.
fn await_counter(folder: &Folder, door: Door<'_>, name: &str, value: i64) {
    let query = format!("SELECT coalesce(max(value), 0)::BIGINT FROM tap WHERE name = '{name}'");
    poll_until(&format!("{name} = {value}"), PATIENCE, || (number(folder.path(), door, &query) == value).then_some(()));
}

#[test]
fn avro_protobuf_and_json_bodies_are_read_by_their_schemas_and_go_on_without_a_registry() {
    let Some(kafka) = RealKafka::start(Options::default()) else { return };
    let Some(mut registry) = Registry::start() else { return };
    for topic in ["orders", "shipments", "invoices"] {
        produce::create_topic(&kafka.bootstrap, topic, 1);
    }
    let bodies = registry.bodies();
    write(&kafka.bootstrap, &bodies);

    let folder = Folder::new("schemas");
    let url = registry.url.clone();
    // The first address is closed: the second answers.
    let urls = format!("http://127.0.0.1:1,{url}");
    let more = ["--from", "earliest", "--metrics", "off", "--registry", &urls];
    let (tap, door) = Program::tap(folder.path(), &kafka.bootstrap, &more);
    let there = |door: Door<'_>, count: i64| number(folder.path(), door, "SELECT count(*) FROM event") == count;
    poll_until("three events", PATIENCE, || there(Door::Url(&door), 3).then_some(()));
    assert_eq!(events(&folder, Door::Url(&door)), expected(), "{}", tap.said());
    let edges = "SELECT count(*) FROM cause JOIN event e ON e.ref = cause.cause WHERE e.topic = 'orders'";
    poll_until("both causes", PATIENCE, || (number(folder.path(), Door::Url(&door), edges) == 2).then_some(()));
    await_counter(&folder, Door::Url(&door), "undecoded_needs_schema", 0);
    await_counter(&folder, Door::Url(&door), "schemas_fetched", 2);
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");

    let checked = run(folder.path(), &["check", "--json", "--brokers", &kafka.bootstrap, "--registry", &urls]);
    let found: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(0), "{found:#}");
    assert_eq!(found["registry"]["answers"], true, "{found:#}");
    assert_eq!(found["registry"]["looked_at"], found["registry"]["usable"], "{found:#}");
    assert_eq!(found["registry"]["subjects"], 5, "two of them are only referred to: {found:#}");

    import_reads_the_same(&folder, &bodies, &url);
    silence_costs_no_record(&kafka, &mut registry, &bodies);
}

/// A capture of the same bodies.
fn import_reads_the_same(folder: &Folder, bodies: &[Body], url: &str) {
    let lines = bodies.iter().map(|body| {
        let line = json!({"topic": body.topic, "partition": 0, "offset": 0, "ts": 1_000, "payload_b64": STANDARD.encode(&body.value)});
        format!("{line}\n")
    });
    std::fs::write(folder.file("capture.ndjson"), lines.collect::<String>()).unwrap();
    std::fs::write(folder.file("headwater.toml"), format!("[registry]\nurl = '{url}'\n")).unwrap();
    answer(folder.path(), &["import", "--db", "import.duckdb", "capture.ndjson"]);
    assert_eq!(events(folder, Door::File(&folder.file("import.duckdb"))), expected());
}

/// A registry that takes connections and answers none holds reading up for a few seconds, once.
fn silence_costs_no_record(kafka: &RealKafka, registry: &mut Registry, bodies: &[Body]) {
    let folder = Folder::new("schemas-away");
    registry.pause();
    let begun = Instant::now();
    let more = ["--from", "earliest", "--metrics", "off", "--registry", &registry.url];
    let (tap, door) = Program::tap(folder.path(), &kafka.bootstrap, &more);
    let count = |query: &str| number(folder.path(), Door::Url(&door), query);
    poll_until("three events", PATIENCE, || (count("SELECT count(*) FROM event") == 3).then_some(()));
    let waited = begun.elapsed();
    await_counter(&folder, Door::Url(&door), "undecoded_needs_schema", 2);
    assert_eq!(count("SELECT count(*) FROM event WHERE id = 'invoice-1'"), 1, "JSON needs no registry");
    poll_until("what is wrong", PATIENCE, || tap.said().contains("no schema registry answers").then_some(()));
    let checked = run(folder.path(), &["check", "--json", "--brokers", &kafka.bootstrap, "--registry", &registry.url]);
    let found: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((checked.status.code(), &found["registry"]["answers"]), (Some(3), &json!(false)), "{found:#}");

    registry.resume();
    poll_until("its return", PATIENCE, || tap.said().contains("the schema registry answers again").then_some(()));
    write(&kafka.bootstrap, bodies);
    poll_until("six events", PATIENCE, || (count("SELECT count(*) FROM event") == 6).then_some(()));
    assert_eq!(count("SELECT count(*) FROM event WHERE type = 'shop.orders.OrderPlaced'"), 1);
    await_counter(&folder, Door::Url(&door), "undecoded_needs_schema", 2);
    let (status, said) = tap.stop();
    assert!(status.success() && waited < PATIENCE, "{waited:?}: {said}");
    println!("with a silent registry three records took {waited:?}");
}

//! Dead letters that name nothing: Connect's default ones repeat key, value and timestamp, Karafka's the payload alone.

use crate::support::kafka::RealKafka;
use crate::support::produce::{Outgoing, Writer, create_topic};
use crate::support::program::{Door, Program, answer, number, sql};
use crate::support::{Folder, poll_until};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Events of the topic that fails.
const ORDERS: i64 = 200;
/// How long seeking may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sizes repeat every 25 orders, and the first ten values a hundred orders later.
fn value(order: i64) -> Vec<u8> {
    let told = if (100..110).contains(&order) { order - 100 } else { order };
    format!(r#"{{"line":"{told:06}","pad":"{}"}}"#, "x".repeat(order as usize % 25)).into_bytes()
}

fn order(order: i64, begin_ms: i64) -> Outgoing {
    Outgoing {
        partition: (order % 2) as i32,
        key: Some(format!("customer-{}", order % 20).into_bytes()),
        value: Some(value(order)),
        timestamp_ms: Some(begin_ms + order * 1_000),
        ..Outgoing::default()
    }
}

fn payload(value: Vec<u8>, timestamp_ms: i64) -> Outgoing {
    Outgoing { value: Some(value), timestamp_ms: Some(timestamp_ms), ..Outgoing::default() }
}

/// What is known of each failure: where it lies, its origin, why that is believed and how much, its root, what is broken.
fn failures(folder: &Path, door: Door<'_>) -> Vec<String> {
    let query = "SELECT f.topic, f.ref & 1099511627775, coalesce(f.origin_topic || '/' || f.origin_partition || '/' || \
         f.origin_offset, '?'), coalesce(f.origin_evidence, '-'), coalesce(f.origin_confidence, 0), \
         coalesce(CAST(f.root = f.origin AS VARCHAR), '-'), coalesce(f.orphan_reason, '-'), e.resolution \
         FROM failure f JOIN event e ON e.ref = f.ref ORDER BY 1, 2";
    sql(folder, door, query).into_iter().map(|row| row.join(" ")).collect()
}

fn edges(folder: &Path, door: Door<'_>) -> Vec<String> {
    let query = "SELECT class, evidence, count(*), max(confidence) < 1 FROM cause GROUP BY 1, 2 ORDER BY 1, 2";
    sql(folder, door, query).into_iter().map(|row| row.join(" ")).collect()
}

fn counter(folder: &Path, door: Door<'_>, name: &str) -> i64 {
    number(folder, door, &format!("SELECT coalesce(max(CAST(value AS BIGINT)), -1) FROM tap WHERE name = '{name}'"))
}

/// Scenario: 200 orders, some of a size and some the same byte for byte; copies of some on two dead-letter topics, without
/// a word about their origin; one dead letter that has no origin, and one that names its own.
/// Guarantees: each copy leads to its origin with the confidence that its bytes and timestamp deserve, as an inferred
/// edge; declared edges are what they were; what was sought is not sought again by the next run.
#[test]
fn a_copy_without_a_word_leads_to_what_has_its_bytes() {
    let Some(kafka) = RealKafka::shared() else { return };
    for (topic, partitions) in
        [("shop-orders", 2), ("shop-orders-sink-dlq", 1), ("shop-karafka_dlq", 1), ("shop-orders-dlt", 1)]
    {
        create_topic(&kafka.bootstrap, topic, partitions);
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    let begin = now - 600_000;
    let writer = Writer::new(&kafka.bootstrap, "lz4");
    (0..ORDERS).for_each(|n| writer.send("shop-orders", &order(n, begin)));
    // One of its two equals was written later, and yet its timestamp tells.
    for n in [3, 50, 150, 199] {
        writer.send("shop-orders-sink-dlq", &Outgoing { partition: 0, ..order(n, begin) });
    }
    writer.send("shop-karafka_dlq", &payload(value(60), now - 300_000));
    writer.send("shop-karafka_dlq", &payload(value(5), now - 300_000));
    writer.send("shop-karafka_dlq", &payload(value(60).to_ascii_uppercase(), now - 300_000));
    let header = |name: &str, value: &[u8]| (format!("kafka_dlt-original-{name}"), Some(value.to_vec()));
    let headers = vec![
        header("topic", b"shop-orders"),
        header("partition", &1_i32.to_be_bytes()),
        header("offset", &3_i64.to_be_bytes()),
    ];
    writer.send("shop-orders-dlt", &Outgoing { headers, ..payload(value(7), now) });
    writer.flush();

    let folder = Folder::new("bare");
    let arguments = ["--from", "earliest", "--topics", "shop-.*"];
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &arguments);
    let door = Door::Url(&url);
    poll_until("all origins to be sought", PATIENCE, || {
        (counter(folder.path(), door, "origins_sought") == 7).then_some(())
    });
    let expected = [
        "shop-karafka_dlq 0 shop-orders/0/30 same_value 0.9 true - inferred",
        "shop-karafka_dlq 1 shop-orders/1/52 same_value 0.5 true - inferred",
        "shop-karafka_dlq 2 ? - 0 - context_lost unlinked",
        "shop-orders-dlt 0 shop-orders/1/3 failure_coordinates 1 true - caused",
        "shop-orders-sink-dlq 0 shop-orders/1/1 same_value 0.95 true - inferred",
        "shop-orders-sink-dlq 1 shop-orders/0/25 same_value 0.95 true - inferred",
        "shop-orders-sink-dlq 2 shop-orders/0/75 same_value 0.95 true - inferred",
        "shop-orders-sink-dlq 3 shop-orders/1/99 same_value 0.95 true - inferred",
    ];
    assert_eq!(failures(folder.path(), door), expected);
    assert_eq!(edges(folder.path(), door), ["declared failure_coordinates 1 false", "inferred same_value 6 true"]);
    let joined = "SELECT count(*) FROM event e JOIN cause c ON c.effect = e.ref JOIN event o ON o.ref = c.cause \
         WHERE c.evidence = 'same_value' AND e.conversation = o.conversation";
    assert_eq!(number(folder.path(), door, joined), 0, "a conclusion merges no conversations");
    assert_eq!(counter(folder.path(), door, "origins_found"), 6);
    assert!(counter(folder.path(), door, "reread_bytes") > 0);
    tap.kill();

    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &arguments);
    let door = Door::Url(&url);
    writer.send("shop-karafka_dlq", &payload(value(61), now));
    writer.flush();
    poll_until("the origin of the last", PATIENCE, || {
        (failures(folder.path(), door).get(3)? == "shop-karafka_dlq 3 shop-orders/1/30 same_value 0.9 true - inferred")
            .then_some(())
    });
    assert_eq!(counter(folder.path(), door, "origins_sought"), 1, "the others were sought before");
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
    let file = folder.file("tap.duckdb");
    let after = failures(folder.path(), Door::File(&file));
    let before: Vec<&String> =
        after.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, failure)| failure).collect();
    assert_eq!(before, expected, "a restart takes nothing back");
}

/// Scenario: a capture with such dead letters, whole, and in two imports of which the second cannot compare bytes with the first.
/// Guarantees: bytes decide where both are there; else the only event of the same timestamp, key and size is the origin, with
/// less confidence, and of several none is.
#[test]
fn in_a_capture_bytes_decide_and_else_timestamp_key_and_size() {
    let line = |topic: &str, offset: i64, ts: i64, key: &str, payload: &str| {
        let key = if key.is_empty() { "null".to_owned() } else { format!("\"{key}\"") };
        format!(r#"{{"topic":"{topic}","partition":0,"offset":{offset},"ts":{ts},"key":{key},"payload":"{payload}"}}"#)
    };
    let first = "one plain payload of some length";
    let second = "two plain payload of some length";
    let lines = [
        line("orders", 0, 1_700_000_000_000, "a", first),
        line("orders", 1, 1_700_000_001_000, "a", second),
        line("orders", 2, 1_700_000_002_000, "b", first),
        line("orders", 3, 1_700_000_002_000, "b", second),
        line("orders-sink-dlq", 0, 1_700_000_001_000, "a", second),
        line("orders-sink-dlq", 1, 1_700_000_002_000, "b", first),
        line("karafka_dlq", 0, 1_700_000_003_000, "", first),
    ];
    let folder = Folder::new("bare");
    let write = |name: &str, lines: &[String]| std::fs::write(folder.file(name), lines.join("\n")).unwrap();
    write("whole.ndjson", &lines);
    write("orders.ndjson", &lines[..4]);
    write("letters.ndjson", &lines[4..]);
    let whole = [
        "karafka_dlq 0 orders/0/2 same_value 0.5 true - inferred",
        "orders-sink-dlq 0 orders/0/1 same_value 0.95 true - inferred",
        "orders-sink-dlq 1 orders/0/2 same_value 0.95 true - inferred",
    ];
    let parted = [
        "karafka_dlq 0 ? - 0 - context_lost unlinked",
        "orders-sink-dlq 0 orders/0/1 same_value 0.8 true - inferred",
        "orders-sink-dlq 1 ? - 0 - context_lost unlinked",
    ];
    for (captures, database, expected, edge) in [
        (&["whole.ndjson"][..], "whole.duckdb", whole, "inferred same_value 3 true"),
        (&["orders.ndjson", "letters.ndjson"], "parted.duckdb", parted, "inferred same_value 1 true"),
    ] {
        for again in [false, true] {
            for capture in captures {
                answer(folder.path(), &["import", capture, "--db", database]);
            }
            let file = folder.file(database);
            assert_eq!(failures(folder.path(), Door::File(&file)), expected, "again: {again}");
            assert_eq!(edges(folder.path(), Door::File(&file)), [edge], "again: {again}");
        }
    }
}

//! `headwater erase`: what is known of a key goes, from the rows and from the bytes of the file.

use crate::support::Folder;
use crate::support::mock::MockKafka;
use crate::support::program::{Door, Program, answer, number, run};
use serde_json::{Value, json};
use std::path::Path;

/// The key whose records go, what its records say, and what others say of them.
const KEY: &str = "customer-ada";
const OWN_ID: &str = "id-of-the-erased-order";
const ERROR: &str = "no table for Ada Lovelace";
/// What must stay.
const OTHER_ID: &str = "id-of-another-order";
/// Records of other keys: few enough for texts to stand in the file as they are, so that its bytes can be searched.
const OTHERS: usize = 300;

fn line(topic: &str, offset: usize, key: &str, headers: &[(&str, &str)]) -> Value {
    let headers: Vec<&str> = headers.iter().flat_map(|(name, value)| [*name, *value]).collect();
    json!({
        "topic": topic, "partition": 0, "offset": offset, "tstype": "create", "ts": 1_767_225_600_000_i64 + offset as i64,
        "headers": headers, "key": key, "payload": "{}",
    })
}

/// A database with a failed order of the key, an effect of it under another key, and many other records.
fn import(folder: &Folder) -> i64 {
    let dead = [
        ("message-id", "id-of-the-dead-letter"),
        ("kafka_dlt-exception-message", ERROR),
        ("kafka_dlt-exception-fqcn", "shop.NoTable"),
        ("kafka_dlt-original-topic", "orders"),
        ("kafka_dlt-original-partition", "0"),
        ("kafka_dlt-original-offset", "0"),
    ];
    let effect = [("message-id", OTHER_ID), ("causation-id", OWN_ID), ("correlation-id", OWN_ID)];
    let mut lines = vec![
        line("orders", 0, KEY, &[("message-id", OWN_ID), ("correlation-id", "flow-1")]),
        line("payments", 0, "payment-1", &effect),
        line("payments", 1, "payment-2", &[("message-id", "id-with-key-inside"), ("correlation-id", KEY)]),
        // The dead letter has a key of its own.
        line("orders.DLT", 0, "dead-1", &dead),
    ];
    for n in 1..=OTHERS {
        lines.push(line("orders", n, &format!("customer-{n}"), &[("message-id", &format!("order-number-{n}"))]));
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.file("capture.ndjson"), text).unwrap();
    answer(folder.path(), &["import", "capture.ndjson", "--db", "a.duckdb"]);
    lines.len() as i64
}

fn holds(file: &Path, text: &str) -> bool {
    let bytes = std::fs::read(file).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Scenario: the records of a key, a failure of one of them with an error text, and records of others that name them.
/// Guarantees: a dry run changes nothing; afterwards no look-up finds them, no byte of the file holds their ids, texts or
/// the key, other records and the counts stay, and a second import of the same capture brings nothing back.
#[test]
fn a_key_leaves_no_bytes_behind() {
    let folder = Folder::new("erase");
    let events = import(&folder);
    let file = folder.file("a.duckdb");
    let door = Door::File(&file);
    assert!([OWN_ID, ERROR, OTHER_ID].iter().all(|text| holds(&file, text)));
    let key = format!("key:{KEY}");
    let before = std::fs::read(&file).unwrap();
    let dry: Value =
        serde_json::from_str(&answer(folder.path(), &["erase", &key, "--db", "a.duckdb", "--dry-run", "--json"]))
            .unwrap();
    assert_eq!((&dry["rows"]["event_row"], &dry["rows"]["failure_row"]), (&json!(1), &json!(1)), "{dry}");
    assert_eq!((&dry["erased"], &dry["sample"]), (&json!(false), &json!(["orders/0/0"])));
    assert!(std::fs::read(&file).unwrap() == before, "a dry run changed the file");

    let said = answer(folder.path(), &["erase", &key, "--db", "a.duckdb", "--yes"]);
    assert!(said.contains("records in Kafka") && said.contains("read positions stay"), "{said}");
    for gone in [OWN_ID, ERROR, KEY, "Lovelace"] {
        assert!(!holds(&file, gone), "{gone} is still in the file");
    }
    assert!(holds(&file, OTHER_ID));
    assert_eq!(number(folder.path(), door, "SELECT count(*) FROM event"), events - 1);
    assert_eq!(number(folder.path(), door, "SELECT received FROM totals()"), events);
    assert_eq!(number(folder.path(), door, "SELECT count(*) FROM failure"), 0);
    assert_eq!(number(folder.path(), door, "SELECT count(*) FROM event WHERE correlation_id IS NOT NULL"), 0);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "capture, database and secret: {left:?}");

    answer(folder.path(), &["import", "capture.ndjson", "--db", "a.duckdb"]);
    assert!(!holds(&file, OWN_ID));
    let again = answer(folder.path(), &["erase", &key, "--db", "a.duckdb", "--yes"]);
    assert!(again.contains("nothing of this key"), "{again}");
}

/// Scenario: no `key:`, nobody to ask, no such file, a file that a tap has open.
/// Guarantees: wrong usage is 2, the rest 1, each with what to do, and nothing is made.
#[test]
fn it_is_refused_with_what_to_do() {
    let folder = Folder::new("erase");
    let kafka = MockKafka::start(1, &[("orders", 1)]);
    let (tap, _) = Program::tap(folder.path(), &kafka.bootstrap, &["--metrics", "off"]);
    let cases: [(&[&str], i32, &str); 4] = [
        (&["erase", "customer-ada", "--db", "tap.duckdb", "--yes"], 2, "key:VALUE"),
        (&["erase", "key:a", "--db", "tap.duckdb"], 2, "--yes"),
        (&["erase", "key:a", "--db", "none.duckdb", "--yes"], 1, "no database at none.duckdb"),
        (&["erase", "key:a", "--db", "tap.duckdb", "--yes"], 1, "stop it first"),
    ];
    for (arguments, code, reason) in cases {
        let refused = run(folder.path(), arguments);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(code) && said.contains(reason), "{arguments:?}: {said}");
    }
    assert!(!folder.file("none.duckdb").exists());
    assert!(tap.stop().0.success());
}

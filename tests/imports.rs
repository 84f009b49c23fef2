//! Captures through the front door: everything goes in, a dead letter leads to its origin, and nothing stays that should
//! not.

use crate::support::Folder;
use crate::support::program::{Door, answer, number, run, sql};
use std::path::Path;

/// Excerpts of what real frameworks wrote; `HEADWATER_CAPTURES` names a folder with the whole captures instead.
const CAPTURES: [&str; 3] = ["spring-retryable", "python-cloudevents", "kafkajs-otel"];

fn files(capture: &str) -> [String; 2] {
    match std::env::var("HEADWATER_CAPTURES") {
        Ok(folder) => ["records", "internal"].map(|file| format!("{folder}/{capture}/{file}.ndjson")),
        Err(_) => ["", ".internal"].map(|kind| {
            let file = format!("tests/captures/{capture}{kind}.ndjson");
            Path::new(env!("CARGO_MANIFEST_DIR")).join(file).display().to_string()
        }),
    }
}

/// Scenario: the records and the internal topics of each capture, together and each alone.
/// Guarantees: no line is left unread, and every record of an ordinary topic is an event.
#[test]
fn every_line_of_a_capture_goes_in() {
    for capture in CAPTURES {
        let [records, internal] = files(capture);
        let lines = std::fs::read_to_string(&records).unwrap().lines().count() as i64;
        for (files, events) in [(vec![&records, &internal], lines), (vec![&records], lines), (vec![&internal], 0)] {
            let folder = Folder::new("imports");
            let mut arguments = vec!["import", "--db", "tap.duckdb"];
            arguments.extend(files.iter().map(|file| file.as_str()));
            let output = run(folder.path(), &arguments);
            assert!(output.status.success(), "{capture}: {output:?}");
            let database = folder.file("tap.duckdb");
            assert_eq!(number(folder.path(), Door::File(&database), "SELECT count(*) FROM event"), events, "{capture}");
        }
    }
}

/// Scenario: every dead letter of the captures whose origin was captured too.
/// Guarantees: `trace` on it shows the origin.
#[test]
fn a_dead_letter_of_each_framework_leads_to_its_origin() {
    for capture in CAPTURES {
        let folder = Folder::new("imports");
        let [records, internal] = files(capture);
        answer(folder.path(), &["import", "--db", "tap.duckdb", &records, &internal]);
        let database = folder.file("tap.duckdb");
        let dead_letters = "SELECT e.topic || '/' || e.partition || '/' || e.\"offset\",
                o.topic || '/' || o.partition || '/' || o.\"offset\"
            FROM failure f JOIN event e ON e.ref = f.ref JOIN event o ON o.ref = f.origin
            WHERE f.kind = 'dead_letter'";
        let found = sql(folder.path(), Door::File(&database), dead_letters);
        assert!(!found.is_empty(), "{capture}: no dead letter with its origin");
        for pair in found {
            let tree = answer(folder.path(), &["trace", &pair[0], "--db", "tap.duckdb"]);
            assert!(tree.contains(&pair[1]), "{capture}: {} does not lead to {}:\n{tree}", pair[0], pair[1]);
        }
    }
}

/// Scenario: a record whose key and value hold words that occur nowhere else.
/// Guarantees: neither is in the database; the key is found all the same, by its hash.
#[test]
fn payloads_and_keys_stay_out_of_the_file() {
    let folder = Folder::new("imports");
    let line = r#"{"topic":"orders","partition":0,"offset":0,"ts":1700000000000,"headers":["message-id","m-1"],"key":"key-of-zanzibar","payload":"{\"secret\":\"value-of-zanzibar\"}"}"#;
    std::fs::write(folder.file("one.ndjson"), line).unwrap();
    answer(folder.path(), &["import", "one.ndjson", "--db", "tap.duckdb"]);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let holds = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        let capture = path.ends_with("one.ndjson");
        assert_eq!(holds(b"of-zanzibar"), capture, "{}", path.display());
    }
    let tree = answer(folder.path(), &["trace", "key:key-of-zanzibar", "--db", "tap.duckdb"]);
    assert!(tree.contains("orders/0/0"), "{tree}");
}

/// Scenario: a capture with a line that is none.
/// Guarantees: the others go in, the line is named by file and number, and the exit code is 1.
#[test]
fn a_line_that_cannot_be_read_is_named_and_the_rest_goes_in() {
    let folder = Folder::new("imports");
    let good = |offset: u32| format!(r#"{{"topic":"orders","partition":0,"offset":{offset},"ts":1700000000000}}"#);
    std::fs::write(folder.file("bad.ndjson"), format!("{}\n{{not json\n{}\n", good(0), good(1))).unwrap();
    let output = run(folder.path(), &["import", "bad.ndjson", "--db", "tap.duckdb"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("bad.ndjson:2"), "{said}");
    let database = folder.file("tap.duckdb");
    assert_eq!(number(folder.path(), Door::File(&database), "SELECT count(*) FROM event"), 2);
}

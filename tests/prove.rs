//! `headwater prove`: certificates of what captures and a real cluster hold, and of records that say otherwise now.
//!
//! Proves: what the database concluded from captured records is borne by their bytes; a record that was changed is noticed;
//! an orphan of a live tap is proved by a barrier that was read past. Does not prove: certificates of transactions.

use crate::support::Folder;
use crate::support::kafka::RealKafka;
use crate::support::poll_until;
use crate::support::produce::{Outgoing, Writer, create_topic};
use crate::support::program::{Door, Program, answer, number, run, sql};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const CAPTURES: [&str; 3] = ["kafkajs-otel", "python-cloudevents", "spring-retryable"];
/// Events of one resolution that are proved, of each capture: each is a start of the program.
const PROVED: usize = 6;

fn capture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{name}.ndjson"))
}

/// The certificate of `place`, and whether the program was content.
fn certificate(folder: &Path, place: &str, more: &[&str]) -> (Value, bool) {
    let mut arguments = vec!["prove", place, "--json"];
    arguments.extend(more);
    let output = run(folder, &arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    let json: Value = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{place}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    (json["certificate"].clone(), output.status.success())
}

#[test]
fn what_was_concluded_from_captures_is_borne_by_their_bytes() {
    let folder = Folder::new("prove");
    for name in CAPTURES {
        let file = capture(name).display().to_string();
        let db = format!("{name}.duckdb");
        answer(folder.path(), &["import", "--db", &db, &file]);
        let query = format!(
            "SELECT topic || '/' || partition || '/' || \"offset\", resolution FROM event WHERE kind <> 'internal' \
             QUALIFY row_number() OVER (PARTITION BY resolution, kind ORDER BY ref) <= {PROVED} ORDER BY ref"
        );
        let events = sql(folder.path(), Door::File(Path::new(&db)), &query);
        let (mut confirmed, mut claims, mut barriers) = (0, 0, 0);
        for event in &events {
            let (certificate, content) = certificate(folder.path(), &event[0], &["--db", &db, "--capture", &file]);
            assert!(content, "{name}: {certificate:#}");
            assert_eq!(certificate["resolution"], event[1].as_str());
            let all = certificate["claims"].as_array().unwrap();
            claims += all.len();
            confirmed += all.iter().filter(|claim| claim["checked"] == "confirmed").count();
            if event[1] == "caused" {
                assert_eq!(all[0]["checked"], "confirmed", "{name}: {certificate:#}");
                assert!(!all[0]["exhibits"][0]["hex"].as_str().unwrap().is_empty(), "{certificate:#}");
            }
            if event[1] == "orphaned" {
                // What lies before the begin of a capture needs no barrier.
                let absent = all.iter().find(|claim| claim["says"].as_str().unwrap().contains("cause is"));
                let absent = absent.unwrap_or_else(|| panic!("{name}: {certificate:#}"));
                let by_barrier = absent["says"].as_str().unwrap().contains("barrier");
                assert_eq!(absent["checked"], if by_barrier { "confirmed" } else { "not_checked" }, "{certificate:#}");
                barriers += usize::from(by_barrier);
            }
        }
        println!(
            "{name}: {} records proved, {confirmed} of {claims} claims confirmed, {barriers} by barriers",
            events.len()
        );
        assert!(confirmed > 0);
    }
}

#[test]
fn a_record_that_says_otherwise_now_refutes_the_verdict() {
    let folder = Folder::new("prove");
    let record = |topic: &str, offset: i64, headers: &str| {
        let more = "\"ce_specversion\",\"1.0\",\"ce_type\",\"t\",\"ce_source\",\"/s\"";
        format!(
            r#"{{"topic":"{topic}","partition":0,"offset":{offset},"ts":{},"headers":[{more},{headers}],"payload":"{{}}"}}"#,
            1_700_000_000_000i64 + offset
        )
    };
    let first = record("orders", 0, r#""ce_id","a-1""#);
    let effect = |cause: &str| record("paid", 0, &format!(r#""ce_id","b-1","ce_causationid","{cause}""#));
    std::fs::write(folder.file("then.ndjson"), format!("{first}\n{}\n", effect("a-1"))).unwrap();
    std::fs::write(folder.file("now.ndjson"), format!("{first}\n{}\n", effect("a-2"))).unwrap();
    std::fs::write(folder.file("gone.ndjson"), format!("{}\n", effect("a-1"))).unwrap();
    answer(folder.path(), &["import", "--db", "x.duckdb", "then.ndjson"]);
    let (then, content) = certificate(folder.path(), "paid/0/0", &["--db", "x.duckdb", "--capture", "then.ndjson"]);
    assert!(content && then["checked"] == "confirmed", "{then:#}");
    let (now, content) = certificate(folder.path(), "paid/0/0", &["--db", "x.duckdb", "--capture", "now.ndjson"]);
    assert!(!content && now["checked"] == "not_confirmed", "{now:#}");
    let (gone, content) = certificate(folder.path(), "paid/0/0", &["--db", "x.duckdb", "--capture", "gone.ndjson"]);
    assert!(content && gone["checked"] == "confirmed", "{gone:#}");
    assert!(gone["claims"][0]["because"].as_str().unwrap().contains("the database alone was asked"), "{gone:#}");
    let (alone, content) = certificate(folder.path(), "paid/0/0", &["--db", "x.duckdb"]);
    assert!(content && alone["checked"] == "not_checked", "{alone:#}");
    let nothing = run(folder.path(), &["prove", "paid/0/9", "--db", "x.duckdb"]);
    assert_eq!(nothing.status.code(), Some(1));
    let hidden = ["--db", "x.duckdb", "--capture", "then.ndjson", "--values", "none"];
    let (hidden, _) = certificate(folder.path(), "paid/0/0", &hidden);
    assert_eq!((&hidden["claims"][0]["exhibits"][0]["hex"], &hidden["checked"]), (&"".into(), &"confirmed".into()));
}

#[test]
fn failures_are_traced_as_they_stood_then_and_in_every_form() {
    let folder = Folder::new("trace");
    let file = capture("spring-retryable").display().to_string();
    answer(folder.path(), &["import", "--db", "x.duckdb", &file]);
    let letters = "SELECT topic || '/' || partition || '/' || \"offset\" FROM event WHERE kind = 'dead_letter' LIMIT 1";
    let letter = sql(folder.path(), Door::File(Path::new("x.duckdb")), letters).remove(0).remove(0);
    let trace = |more: &[&str]| {
        let mut arguments = vec!["trace", &letter, "--db", "x.duckdb"];
        arguments.extend(more);
        answer(folder.path(), &arguments)
    };
    let text = trace(&[]);
    assert!(text.contains("failures (1):") && text.contains("group   ") && text.contains("state   "), "{text}");
    let before = trace(&["--at", "2001-01-01"]);
    assert!(!before.contains("failures ("), "{before}");
    let after = trace(&["--at", "2100-01-01T00:00:00Z"]);
    assert!(after.contains("failures as they stood at 2100-01-01 00:00:00.000 UTC (1):"), "{after}");
    assert!(trace(&["--format", "dot"]).starts_with("digraph conversation {"));
    assert!(trace(&["--format", "mermaid"]).starts_with("flowchart TB"));
    let ticket = trace(&["--format", "markdown"]);
    for part in ["## ✗ Failed at", "### Failures", "### Attempts", "```mermaid", "headwater prove"] {
        assert!(ticket.contains(part), "{part}: {ticket}");
    }
    assert_eq!(trace(&["--format", "json"]), trace(&["--json"]));
    let both = run(folder.path(), &["trace", &letter, "--db", "x.duckdb", "--json", "--format", "dot"]);
    assert_eq!(both.status.code(), Some(2));
}

fn event(id: &str, cause: Option<&str>) -> Outgoing {
    let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
    let mut headers = vec![
        header("ce_specversion", "1.0"),
        header("ce_id", id),
        header("ce_type", "order.placed"),
        header("ce_source", "/shop"),
    ];
    headers.extend(cause.map(|cause| header("ce_causationid", cause)));
    Outgoing { partition: 0, key: None, value: Some(b"{}".to_vec()), headers, timestamp_ms: None }
}

#[test]
fn an_edge_and_an_orphan_of_a_live_tap_are_proved() {
    let Some(kafka) = RealKafka::shared() else { return };
    let bootstrap = kafka.bootstrap.as_str();
    for topic in ["proved", "proved-effects"] {
        create_topic(bootstrap, topic, 1);
    }
    let writer = Writer::new(bootstrap, "none");
    writer.send("proved", &event("proof-1", None));
    writer.send("proved-effects", &event("proof-2", Some("proof-1")));
    writer.send("proved-effects", &event("proof-3", Some("proof-that-never-was")));
    writer.flush();
    let folder = Folder::new("prove");
    let more = ["--topics", "proved|proved-effects", "--from", "earliest", "--metrics", "off"];
    let (tap, url) = Program::tap(folder.path(), bootstrap, &more);
    poll_until("the orphan", PATIENCE, || {
        let orphans = "SELECT count(*) FROM event WHERE resolution = 'orphaned'";
        (number(folder.path(), Door::Url(&url), orphans) == 1).then_some(())
    });
    let proved = |door: &[&str], from: &str| {
        let (edge, content) = certificate(folder.path(), "proved-effects/0/0", door);
        assert!(content && edge["checked"] == "confirmed", "{edge:#}");
        assert!(edge["source"].as_str().unwrap().contains(from), "{edge:#}");
        assert_eq!(edge["claims"][0]["exhibits"][0]["place"], "header ce_causationid (cloudevents-binary)");
        let (orphan, content) = certificate(folder.path(), "proved-effects/0/1", door);
        assert!(content && orphan["checked"] == "confirmed", "{orphan:#}");
        let barrier = &orphan["claims"][1];
        assert_eq!(barrier["checked"], "confirmed", "{orphan:#}");
        assert!(barrier["because"].as_str().unwrap().contains("sampled from"), "{orphan:#}");
        let place = |at: usize| barrier["exhibits"][at]["coordinates"].as_str().unwrap().to_owned();
        assert_eq!([place(0), place(1)], ["proved/0", "proved-effects/0"], "{orphan:#}");
        let text = barrier["exhibits"][1]["text"].as_str().unwrap();
        assert!(text.starts_with("stable end 2, read to "), "{orphan:#}");
    };
    proved(&["--connect", &url], "by the running tap");
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
    proved(&["--db", "tap.duckdb", "--brokers", bootstrap], "read again from Kafka");
}

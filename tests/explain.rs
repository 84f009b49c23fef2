//! `headwater explain`: captured records in words, and a record of a real cluster, live and through a running tap.

use crate::support::Folder;
use crate::support::kafka::RealKafka;
use crate::support::poll_until;
use crate::support::produce::{Outgoing, Writer, create_topic, create_topic_with, delete_before};
use crate::support::program::{Door, Program, answer, number, run};
use headwater::capture::{Line, read};
use headwater::decode::{Decoder, Explainer};
use headwater::event::{Envelopes, HashKey, Kind, TopicPartition};
use serde_json::Value;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const KEY: HashKey = HashKey([3; 16]);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn capture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{name}.ndjson"))
}

#[test]
fn captured_records_are_explained_as_they_are_decoded() {
    let mut of_failures = 0;
    for name in ["kafkajs-otel", "python-cloudevents", "spring-retryable"] {
        let file = BufReader::new(File::open(capture(name)).unwrap());
        let (mut records, mut failures) = (0, 0);
        let mut explainer = Explainer::new(KEY, &[]);
        read(name, file, &mut |line| {
            let Line::Record(captured) = line else { return };
            let partition = TopicPartition {
                cluster: "c".into(),
                topic: captured.topic.into(),
                topic_id: [0; 16],
                partition: captured.partition,
            };
            let mut into = Envelopes::default();
            Decoder::new(KEY, KEY).decode(&partition, &captured.record, &mut into);
            let explanation = explainer.explain(&partition, &captured.record);
            let place = &explanation.coordinates;
            let row = &into.rows[0];
            let value = |name| explanation.field(name).and_then(|story| story.value.clone());
            let from = |name| {
                explanation.field(name).and_then(|story| story.from.as_ref()).and_then(|from| from.reads_as.clone())
            };
            let text = |at: usize, id: Option<headwater::event::Identifier>| {
                id.map(|id| id.text().unwrap_or_else(|| into.arena.get(row.texts[at]).to_owned()))
            };
            let ids = [("id", row.id), ("causation", row.causation), ("correlation", row.correlation)];
            for (at, (name, id)) in ids.into_iter().enumerate() {
                assert_eq!((value(name), from(name)), (text(at, id), text(at, id)), "{name} of {place}");
            }
            let trace = row.trace.map(|t| format!("{:016x}{:016x}/{:016x}", t.trace_hi, t.trace_lo, t.parent_id));
            assert_eq!((value("trace"), from("trace")), (trace.clone(), trace), "{place}");
            assert_eq!(value("kind").as_deref(), Some(row.kind.as_str()), "{place}");
            if let Some(origin) = row.notice.and_then(|at| into.notices[at as usize].origin.clone()) {
                let expected = format!("{}/{}/{}", origin.topic, origin.partition, origin.offset);
                assert_eq!(value("origin"), Some(expected), "{place}");
                assert_eq!(explanation.field("origin").unwrap().with.len(), 2, "{place}");
                failures += 1;
            }
            records += 1;
            assert_ne!(row.kind, Kind::Internal, "{place}");
        })
        .unwrap();
        println!("{name}: {records} records explained as decoded, {failures} with coordinates of what failed");
        assert!(records > 30);
        of_failures += failures;
    }
    assert!(of_failures > 20, "{of_failures}");
}

#[test]
fn three_captured_records_read_well() {
    let mut golden = insta::Settings::clone_current();
    golden.set_snapshot_path("golden");
    golden.set_prepend_module_to_snapshot(false);
    golden.set_omit_expression(true);
    let folder = Folder::new("explain");
    golden.bind(|| {
        for (snapshot, file, id) in [
            ("explain_spring_retry", "spring-retryable", "orders-retry-600/2/0"),
            ("explain_python_dead_letter", "python-cloudevents", "orders.dlq/0/2"),
            ("explain_kafkajs_dead_letter", "kafkajs-otel", "orders.dead-letter/0/0"),
        ] {
            let name = format!("{file}.ndjson");
            std::fs::copy(capture(file), folder.file(&name)).unwrap();
            let text = answer(folder.path(), &["explain", id, "--capture", &name]);
            insta::assert_snapshot!(snapshot, text);
            let json: Value =
                serde_json::from_str(&answer(folder.path(), &["explain", id, "--capture", &name, "--json"])).unwrap();
            assert_eq!(json["explanation"]["coordinates"], id);
        }
    });
}

#[test]
fn an_id_in_a_capture_is_found_and_several_are_listed() {
    let folder = Folder::new("explain");
    let file = capture("python-cloudevents").display().to_string();
    let ask = |id: &str, more: &[&str]| {
        let mut arguments = vec!["explain", id, "--capture", &file, "--json"];
        arguments.extend(more);
        serde_json::from_str::<Value>(&answer(folder.path(), &arguments)).unwrap()
    };
    let one = ask("orders/1/0", &[]);
    let fields = one["explanation"]["fields"].as_array().unwrap();
    let id = fields.iter().find(|field| field["field"] == "id").unwrap()["value"].as_str().unwrap().to_owned();
    let found = ask(&id, &[]);
    let several = found["matches"].as_array().map_or(1, Vec::len);
    assert!(several >= 1 && (found["explanation"]["coordinates"] == "orders/1/0" || several > 1), "{found}");
    let hidden = ask("orders.dlq/0/2", &["--values", "none"]);
    assert_eq!(hidden["explanation"]["fields"][1]["from"]["raw"], "");
    let nothing = run(folder.path(), &["explain", "orders/1/999999", "--capture", &file]);
    assert_eq!(nothing.status.code(), Some(1));
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(said.contains("no record of") && said.contains("; "), "{said}");
}

#[test]
fn hostile_values_do_not_reach_the_terminal() {
    let folder = Folder::new("explain");
    let line = r#"{"topic":"orders","partition":0,"offset":1,"ts":1,"headers":["x\u001b[31m","\u001b]0;owned\u0007","ce_specversion","1.0","ce_id","a\u009bb","ce_type","t\u202e"],"payload":"{\"\u001b[2J\":1}"}"#;
    std::fs::write(folder.file("hostile.ndjson"), format!("{line}\n")).unwrap();
    for more in [&[][..], &["--json"]] {
        let mut arguments = vec!["explain", "orders/0/1", "--capture", "hostile.ndjson"];
        arguments.extend(more);
        let text = answer(folder.path(), &arguments);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
}

fn header(name: &str, value: &[u8]) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), Some(value.to_vec()))
}

fn dead_letter(origin: &str) -> Outgoing {
    Outgoing {
        partition: 0,
        key: Some(b"4711".to_vec()),
        value: Some(br#"{"card":"4111111111111111"}"#.to_vec()),
        headers: vec![
            header("kafka_dlt-original-topic", origin.as_bytes()),
            header("kafka_dlt-original-partition", &0i32.to_be_bytes()),
            header("kafka_dlt-original-offset", &0i64.to_be_bytes()),
            header("kafka_dlt-original-consumer-group", b"billing"),
            header("ce_specversion", b"1.0"),
            header("ce_id", b"explain-evt-1"),
            header("ce_type", b"order.placed"),
            header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01").as_bytes()),
        ],
        timestamp_ms: None,
    }
}

fn event() -> Outgoing {
    let mut event = dead_letter("");
    event.headers.drain(..4);
    event
}

#[test]
fn a_record_is_explained_live_and_through_a_running_tap() {
    let Some(kafka) = RealKafka::shared() else { return };
    let bootstrap = kafka.bootstrap.as_str();
    for topic in ["explained", "explained.DLT"] {
        create_topic(bootstrap, topic, 1);
    }
    let writer = Writer::new(bootstrap, "zstd");
    writer.send("explained", &event());
    writer.send("explained.DLT", &dead_letter("explained"));
    writer.flush();
    let folder = Folder::new("explain");
    let text = answer(folder.path(), &["explain", "explained.DLT/0/0", "--brokers", bootstrap]);
    assert!(text.contains("read live from Kafka") && text.contains("explained/0/0"), "{text}");
    assert!(text.contains("header ce_id (cloudevents-binary)"), "{text}");
    refusals(&folder, bootstrap);

    let more = ["--topics", "explained|explained[.]DLT", "--from", "earliest", "--metrics", "off"];
    let (tap, url) = Program::tap(folder.path(), bootstrap, &more);
    let door = Door::Url(&url);
    poll_until("both records", PATIENCE, || {
        (number(folder.path(), door, "SELECT count(*) FROM event") == 2).then_some(())
    });
    let through = answer(folder.path(), &["explain", "explained.DLT/0/0", "--connect", &url]);
    assert!(through.contains("by the running tap") && through.contains("verdict"), "{through}");
    assert!(through.contains("explained/0/0  by failure coordinates"), "{through}");
    let both = answer(folder.path(), &["explain", "explain-evt-1", "--connect", &url]);
    assert!(both.contains("carried by 2 events"), "{both}");
    let hidden = answer(folder.path(), &["explain", "explained/0/0", "--connect", &url, "--values", "none", "--json"]);
    let hidden: Value = serde_json::from_str(&hidden).unwrap();
    assert_eq!(hidden["explanation"]["fields"][1]["from"]["raw"], "");
    assert!(hidden["verdict"]["event"][0]["ref"].is_string(), "{hidden}");
    at_the_door(&folder, &url);
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");

    let stored = answer(folder.path(), &["explain", "explained.DLT/0/0", "--db", "tap.duckdb"]);
    assert!(stored.contains("the record itself was not looked at") && stored.contains("explain-evt-1"), "{stored}");
    let live = ["explain", "explained.DLT/0/0", "--db", "tap.duckdb", "--brokers", bootstrap, "--json"];
    let live: Value = serde_json::from_str(&answer(folder.path(), &live)).unwrap();
    assert_eq!(live["source"], "read live from Kafka");
    assert_eq!(live["verdict"]["causes"][0]["evidence"], "failure_coordinates");
}

/// What the door answers itself.
fn at_the_door(folder: &Folder, url: &str) {
    let ask = |query: &str| run(folder.path(), &["sql", query, "--connect", url, "--format", "csv"]);
    let lines = String::from_utf8(ask("SELECT * FROM live_explain('explained.DLT/0/0')").stdout).unwrap();
    assert!(lines.starts_with("section,field,value,place,convention,rank,raw,reads_as,reason"), "{lines}");
    assert!(lines.contains("field,id,explain-evt-1,header ce_id,cloudevents-binary"), "{lines}");
    let kept = ask("SELECT * FROM live_payload('explained.DLT/0/0')");
    let why = String::from_utf8(kept.stderr).unwrap();
    assert!(!kept.status.success() && why.contains("[privacy]") && why.contains("; "), "{why}");
    let gone = String::from_utf8(ask("SELECT * FROM live_explain('explained/0/99')").stderr).unwrap();
    assert!(gone.contains("not written yet"), "{gone}");
    let check = String::from_utf8(ask("SELECT * FROM live_check()").stdout).unwrap();
    assert!(check.starts_with("subject,state,detail,command") && check.contains("fine"), "{check}");
}

/// Each record that cannot be read says why, and what to do.
fn refusals(folder: &Folder, bootstrap: &str) {
    create_topic_with(bootstrap, "explained-gone", 1, &[]);
    let writer = Writer::new(bootstrap, "none");
    for _ in 0..3 {
        writer.send("explained-gone", &event());
    }
    writer.flush();
    delete_before(bootstrap, "explained-gone", 0, 2);
    let transactional = Writer::transactional(bootstrap, "none", "explained");
    transactional.transaction("explained-gone", &[event()], false);
    for (id, why) in [
        ("explained-gone/0/0", "the log begins at offset 2 now"),
        ("explained-gone/0/3", "its transaction was aborted"),
        ("explained-gone/0/4", "marker of a transaction's end"),
        ("explained-gone/0/99", "is not written yet: the log ends at offset 5"),
        ("explained-gone/7/0", "has no partition 7"),
        ("no-such-topic/0/0", "shows no topic no-such-topic"),
    ] {
        let output = run(folder.path(), &["explain", id, "--brokers", bootstrap]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{id}: {said}");
        assert!(said.contains(why) && said.contains("; "), "{id}: {said}");
    }
}

#[test]
fn a_payload_leaves_only_where_the_configuration_allows_it() {
    let Some(kafka) = RealKafka::shared() else { return };
    create_topic(&kafka.bootstrap, "payload", 1);
    let writer = Writer::new(&kafka.bootstrap, "lz4");
    writer.send("payload", &event());
    writer.flush();
    let folder = Folder::new("payload");
    std::fs::write(folder.file("headwater.toml"), "[privacy]\npayloads = true\n").unwrap();
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &["--topics", "payload", "--metrics", "off"]);
    let text =
        answer(folder.path(), &["sql", "SELECT * FROM live_payload('payload/0/0')", "--connect", &url, "--json"]);
    assert!(text.contains("4111111111111111"), "{text}");
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}

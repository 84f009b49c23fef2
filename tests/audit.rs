//! Where propagation breaks in captures of real frameworks, and what failure records say.

use crate::support::Folder;
use crate::support::program::{Door, answer, sql};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Some flows of a capture, with the log of commits of their groups.
fn flows(capture: &str) -> Vec<String> {
    vec![captured(&format!("{capture}.hops"))]
}

fn captured(name: &str) -> String {
    let file = format!("tests/captures/{name}.ndjson");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file).display().to_string()
}

fn imported(folder: &Folder, files: &[String]) -> PathBuf {
    let mut words = vec!["import", "--db", "tap.duckdb"];
    words.extend(files.iter().map(String::as_str));
    answer(folder.path(), &words);
    folder.file("tap.duckdb")
}

fn golden(name: &str, text: &str) {
    let mut golden = insta::Settings::clone_current();
    golden.set_snapshot_path("golden");
    golden.set_prepend_module_to_snapshot(false);
    golden.set_omit_expression(true);
    golden.bind(|| insta::assert_snapshot!(name, text));
}

fn verdicts(folder: &Folder) -> Vec<Value> {
    let text = answer(folder.path(), &["audit", "--db", "tap.duckdb", "--format", "json"]);
    let document: Value = serde_json::from_str(&text).unwrap();
    document["verdicts"].as_array().unwrap().clone()
}

/// From, to, groups, what the trace was begun for, and the first words of the clients.
fn shown(verdict: &Value) -> String {
    let text = |name: &str| verdict[name].as_str().unwrap_or("-").to_owned();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let groups: Vec<String> =
        list(&verdict["consumer_groups"]).iter().map(|group| group.as_str().unwrap().to_owned()).collect();
    let client = |fix: &Value| fix["client"].as_str().unwrap().split(", ").next().unwrap().to_owned();
    let clients: Vec<String> = list(&verdict["fixes"]).iter().map(client).collect();
    let (from, to, begun) = (text("from_topic"), text("to_topic"), text("begun_by"));
    format!("{from} > {to} by {}: {begun}: {}", groups.join(", "), clients.join(", "))
}

/// Scenario: captures of three fleets, of which the makers say where the trace breaks.
/// Guarantees: the audit names exactly those hops, the group that makes each, and the fix of its client.
#[test]
fn the_hop_the_group_and_the_fix_are_named() {
    let of = |capture: &str| {
        let folder = Folder::new("audit");
        imported(&folder, &flows(capture));
        let mut all: Vec<String> = verdicts(&folder).iter().map(shown).collect();
        all.sort();
        all
    };
    let confluent = "record: confluent-kafka (Python), Confluent.Kafka (.NET)";
    let expected = [
        format!("orders > orders.dlq by payment-svc: {confluent}"),
        format!("orders > orders.retry by payment-svc: {confluent}"),
        format!("orders > payments by payment-svc: {confluent}"),
        format!("orders > receipts by payment-svc: {confluent}"),
        "payments > shipments by fulfilment-svc: -: aiokafka (Python)".to_owned(),
    ];
    assert_eq!(of("python-cloudevents"), expected);
    assert_eq!(of("kafkajs-otel"), ["payments > invoices by billing-svc: batch: kafkajs eachBatch (Node.js)"]);
    assert_eq!(of("spring-retryable"), [""; 0], "it goes on with every trace");
}

/// Guarantees: what a person reads stays as it was written; `--topic` and `--since` leave out the rest.
#[test]
fn the_audit_reads_well() {
    for (capture, name) in
        [("python-cloudevents", "python"), ("kafkajs-otel", "kafkajs"), ("spring-retryable", "spring")]
    {
        let folder = Folder::new("audit");
        imported(&folder, &flows(capture));
        golden(&format!("audit_{name}"), &answer(folder.path(), &["audit", "--db", "tap.duckdb"]));
        if name == "python" {
            let markdown = answer(folder.path(), &["audit", "--db", "tap.duckdb", "--format", "markdown"]);
            golden(&format!("audit_{name}_markdown"), &markdown);
            let one = answer(folder.path(), &["audit", "--db", "tap.duckdb", "--topic", "shipments"]);
            assert!(one.contains("payments → shipments") && !one.contains("orders → payments"), "{one}");
            let none = answer(folder.path(), &["audit", "--db", "tap.duckdb", "--since", "2099-01-01"]);
            assert!(none.starts_with("nothing to audit") && none.contains("without --since"), "{none}");
        }
    }
}

/// Guarantees: people put signatures into tickets and alert rules, so that none changes unseen.
#[test]
fn signatures_of_captured_failures_stay_what_they_were() {
    let mut text = String::new();
    for capture in ["python-cloudevents", "kafkajs-otel", "spring-retryable"] {
        let folder = Folder::new("audit");
        let database = imported(&folder, &[captured(capture), captured(&format!("{capture}.internal"))]);
        let rows = sql(
            folder.path(),
            Door::File(&database),
            "SELECT signature, coalesce(error_class, '-'), coalesce(error_message, '-'), count(*) FROM failure
             GROUP BY ALL ORDER BY ALL",
        );
        assert!(!rows.is_empty(), "{capture}");
        text.push_str(&format!("{capture}\n"));
        rows.iter().for_each(|row| text.push_str(&format!("  {}\n", row.join("  "))));
    }
    golden("signatures", &text);
}

/// Scenario: a dead letter whose error holds a password, imported in each way.
/// Guarantees: it is kept as the setting says, and the failure is the same one all the same.
#[test]
fn the_words_of_errors_are_kept_as_the_setting_says() {
    let record = r#"{"topic":"orders.dlq","partition":0,"offset":0,"tstype":"create","ts":1700000000000,"headers":["x-original-topic","orders","x-original-partition","0","x-original-offset","7","x-error-class","LoginError","x-error","LoginError: password=hunter2 for zanzibar\n\tat a.B(C.java:1)"],"payload":"{}"}"#;
    let of = |words: &[&str]| {
        let folder = Folder::new("audit-words");
        std::fs::write(folder.path().join("one.ndjson"), format!("{record}\n")).unwrap();
        answer(folder.path(), &[&["import", "--db", "tap.duckdb", "one.ndjson"], words].concat());
        let database = folder.file("tap.duckdb");
        let row = sql(
            folder.path(),
            Door::File(&database),
            "SELECT error_class, coalesce(error_message, '-'), signature FROM failure",
        );
        let bytes = std::fs::read(&database).unwrap();
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        (row[0].clone(), holds(b"hunter2"), holds(b"zanzibar"))
    };
    let (masked, secret, words) = of(&[]);
    assert_eq!(masked[..2], ["LoginError", "LoginError: password=*** for zanzibar"]);
    assert!(!secret && words);
    let (none, secret, words) = of(&["--failure-text", "none"]);
    assert_eq!(none, ["LoginError", "-", &masked[2]], "the signature tells it apart all the same");
    assert!(!secret && !words);
    let (full, ..) = of(&["--failure-text", "full"]);
    assert_eq!(full[1], "LoginError: password=hunter2 for zanzibar");
}

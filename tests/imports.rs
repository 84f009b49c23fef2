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

/// Scenario: a house that names its ids in its own way, and what it wants kept.
/// Guarantees: its own conventions are tried first, on the topics that they name alone, and its fields are kept.
#[test]
fn conventions_of_the_house_are_tried_first() {
    let folder = Folder::new("imports");
    let config = r#"
        [[convention]]
        name = "shop"
        topics = '^shop\.'
        id = "header:x-event"
        causation_id = "header:x-parent-event"
        type = "body:/meta/kind"
        attributes = { order_value = "body:/data/total", customer = "header:x-customer" }
    "#;
    std::fs::write(folder.file("house.toml"), config).unwrap();
    let records = [
        r#"{"topic":"shop.orders","partition":0,"offset":0,"ts":1700000000000,"headers":["x-event","a","message-id","other","x-customer","Zoe"],"payload":"{\"meta\":{\"kind\":\"OrderPlaced\"},\"data\":{\"total\":12.5}}"}"#,
        r#"{"topic":"shop.payments","partition":0,"offset":0,"ts":1700000000001,"headers":["x-event","b","x-parent-event","a"],"payload":"{}"}"#,
        r#"{"topic":"mails","partition":0,"offset":0,"ts":1700000000002,"headers":["x-event","c","x-parent-event","a"],"payload":"{}"}"#,
    ];
    std::fs::write(folder.file("records.ndjson"), records.join("\n")).unwrap();
    answer(folder.path(), &["import", "records.ndjson", "--db", "tap.duckdb", "--config", "house.toml"]);
    let database = folder.file("tap.duckdb");
    let rows = |query: &str| sql(folder.path(), Door::File(&database), query);
    let events = rows("SELECT topic, coalesce(id, '-'), coalesce(type, '-'), resolution FROM event ORDER BY topic");
    assert_eq!(
        events,
        [
            ["mails", "-", "-", "unlinked"],
            ["shop.orders", "a", "OrderPlaced", "unlinked"],
            ["shop.payments", "b", "-", "caused"]
        ]
    );
    let kept = rows("SELECT name, coalesce(text, '-'), coalesce(number, 0) FROM attribute ORDER BY name");
    assert_eq!(kept, [["customer", "Zoe", "0"], ["order_value", "-", "12.5"]]);

    std::fs::write(folder.file("wrong.toml"), "[[convention]]\nname = \"shop\"\nids = \"header:x\"\n").unwrap();
    let refused = run(folder.path(), &["import", "records.ndjson", "--db", "other.duckdb", "--config", "wrong.toml"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("convention `shop`: `ids` is no field"), "{said}");
}

/// Scenario: two requests that share nothing but an id with their replies, one of which comes first.
/// Guarantees: each reply is caused by its request, by that evidence, and a business id of the same text is not mistaken.
#[test]
fn a_reply_is_caused_by_its_request() {
    let folder = Folder::new("imports");
    let (one, two) = ("iz4vRAwdSm+bHi8/Sltsfg==", "D8nPHKN0TgyfxtenrY29KQ==");
    let headers = |id: &str, reply_to: bool| {
        let topic = if reply_to { r#","kafka_replyTopic","cHJpY2VzLnJlcGxpZXM=""# } else { "" };
        format!(r#""headers_b64":["kafka_correlationId","{id}"{topic}]"#)
    };
    let record = |topic: &str, offset: u32, headers: &str| {
        format!(
            r#"{{"topic":"{topic}","partition":0,"offset":{offset},"ts":1700000000000,{headers},"payload":"{{}}"}}"#
        )
    };
    let lines = [
        record("prices.replies", 0, &headers(two, false)),
        record("prices.requests", 0, &headers(one, true)),
        record("prices.requests", 1, &headers(two, true)),
        record("prices.replies", 1, &headers(one, false)),
        record("orders", 0, r#""headers":["message-id","8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e"]"#),
    ];
    std::fs::write(folder.file("records.ndjson"), lines.join("\n")).unwrap();
    answer(folder.path(), &["import", "records.ndjson", "--db", "tap.duckdb"]);
    let database = folder.file("tap.duckdb");
    let edges = "SELECT e.\"offset\", c.topic, c.\"offset\", evidence FROM cause
        JOIN event e ON e.ref = effect JOIN event c ON c.ref = cause.cause ORDER BY e.\"offset\"";
    let found = sql(folder.path(), Door::File(&database), edges);
    assert_eq!(found, [["0", "prices.requests", "1", "reply"], ["1", "prices.requests", "0", "reply"]]);
    let kinds = "SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind";
    let found = sql(folder.path(), Door::File(&database), kinds);
    assert_eq!(found, [["command", "2"], ["event", "1"], ["reply", "2"]]);
}

/// Scenario: a dead letter and its origin on a cluster, and the mirror of both on another one, where offsets are others.
/// Guarantees: the mirrored dead letter leads to the origin on the cluster that its coordinates speak of.
#[test]
fn coordinates_on_a_mirror_lead_to_the_cluster_that_it_copies() {
    let folder = Folder::new("imports");
    let letter = r#""headers":["x-original-topic","orders","x-original-partition","0","x-original-offset","7"]"#;
    let record = |topic: &str, offset: u32, headers: &str| {
        format!(
            r#"{{"topic":"{topic}","partition":0,"offset":{offset},"ts":1700000000000,{headers},"payload":"{{}}"}}"#
        )
    };
    let west = [record("orders", 7, r#""headers":[]"#), record("orders-dlq", 3, letter)];
    let main = [
        record("orders", 7, r#""headers":["message-id","another"]"#),
        record("west.orders", 0, r#""headers":[]"#),
        record("west.orders-dlq", 0, letter),
    ];
    for (cluster, lines) in [("west", &west[..]), ("main", &main[..])] {
        std::fs::write(folder.file("records.ndjson"), lines.join("\n")).unwrap();
        answer(folder.path(), &["import", "records.ndjson", "--db", "tap.duckdb", "--cluster", cluster]);
    }
    let origins =
        "SELECT f.cluster, f.topic, o.cluster, o.topic FROM failure f JOIN event o ON o.ref = f.origin ORDER BY 1";
    let found = sql(folder.path(), Door::File(&folder.file("tap.duckdb")), origins);
    assert_eq!(found, [["main", "west.orders-dlq", "west", "orders"], ["west", "orders-dlq", "west", "orders"]]);
}

/// Scenario: a flow of 9,000 events, each of which names the id of the first one and nothing else that is shared.
/// Guarantees: an event counts once under that id, so that the flow stays below the bound of hubs and is one conversation.
#[test]
fn an_event_counts_once_under_the_id_of_its_root() {
    let folder = Folder::new("imports");
    let record = |offset: u32| {
        format!(
            r#"{{"topic":"orders","partition":0,"offset":{offset},"ts":1700000000000,"headers":["rbs2-msg-id","e-{offset}","rbs2-corr-id","e-0"],"payload":"x"}}"#
        )
    };
    let lines: Vec<String> = (0..9_000).map(record).collect();
    std::fs::write(folder.file("records.ndjson"), lines.join("\n")).unwrap();
    answer(folder.path(), &["import", "records.ndjson", "--db", "tap.duckdb"]);
    let conversations = "SELECT count(DISTINCT conversation) FROM event";
    assert_eq!(number(folder.path(), Door::File(&folder.file("tap.duckdb")), conversations), 1);
}

//! Any bytes, anywhere: decoded or counted, never a panic, and in linear time.

#![allow(clippy::disallowed_methods, reason = "how long it takes is what is tested")]

use headwater::capture::{Line, read, write};
use headwater::decode::Decoder;
use headwater::event::{Envelopes, HashKey, Header, Record, TopicPartition};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn decode(topic: &str, record: &Record<'_>) -> Envelopes {
    let partition = TopicPartition { cluster: "c".into(), topic: topic.into(), topic_id: [0; 16], partition: 0 };
    let mut into = Envelopes::default();
    let mut decoder = Decoder::new(HashKey([1; 16]), HashKey([2; 16]));
    decoder.decode(&partition, record, &mut into);
    decoder.decode(&partition, record, &mut into);
    into
}

/// Names that conventions know, and names that nobody does.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "traceparent",
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_time",
        "ce_causationid",
        "content-type",
        "message-id",
        "event-type",
        "correlation-id",
        "timestamp",
        "kafka_original-topic",
        "kafka_original-partition",
        "kafka_original-offset",
        "kafka_dlt-original-topic",
        "kafka_dlt-original-offset",
        "retry_topic-attempts",
        "x-original-topic",
        "x-original-partition",
        "x-original-offset",
        "x-exception-fqcn",
        "x-error",
        "__connect.errors.topic",
        "__connect.errors.connector.name",
        "dead-letter-reason",
    ]);
    prop_oneof![3 => known.prop_map(|name| name.as_bytes().to_vec()), 1 => any::<Vec<u8>>()]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "[ -~]{0,60}".prop_map(String::into_bytes),
        "\"(\\\\[a-z\"\\\\u]|[a-f0-9]){0,30}\"?".prop_map(String::into_bytes),
        "[0-9]{1,20}".prop_map(String::into_bytes),
        "00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}".prop_map(String::into_bytes),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.Z+-]{0,20}".prop_map(String::into_bytes),
        Just(b"orders".to_vec()),
    ]
}

/// JSON, and what looks like it.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\u",
        "null",
        "1e9",
        "-",
        " ",
        "\"id\":",
        "\"type\":",
        "\"data\":{",
        "\"metadata\":{",
        "\"specversion\":\"1.0\",",
        "\"source\":",
        "\"eventId\":\"x\",",
        "\"traceparent\":\"00-\"",
        "\"time\":1,",
        "\u{0}\u{0}\u{0}\u{0}\u{1}",
    ]);
    prop_oneof![
        any::<Vec<u8>>(),
        prop::collection::vec(token.clone(), 0..40).prop_map(|tokens| tokens.concat().into_bytes()),
        prop::collection::vec(token, 0..40).prop_map(|tokens| format!("{{{}", tokens.concat()).into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_record_decodes(
        headers in prop::collection::vec((name(), prop::option::of(value())), 0..12),
        key: Option<Vec<u8>>,
        body in prop::option::of(body()),
        topic in prop::sample::select(vec!["orders", "orders-dlt", "orders.retry", "error.orders.g", "__consumer_offsets", ""]),
        timestamp_ms: i64,
        offset: i64,
    ) {
        let headers: Vec<Header<'_>> =
            headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
        let record = Record { offset, timestamp_ms, key: key.as_deref(), value: body.as_deref(), headers: &headers };
        let into = decode(topic, &record);
        prop_assert_eq!(into.rows.len(), 2);
        prop_assert_eq!(into.profiles.len(), 1, "the same record twice has one profile");
        prop_assert!(into.rows.iter().all(|row| (row.profile as usize) < into.profiles.len()));
        prop_assert!(into.rows.iter().filter_map(|row| row.notice).all(|notice| (notice as usize) < into.notices.len()));
    }

    #[test]
    fn any_capture_line_is_read_or_named(lines in prop::collection::vec(body(), 0..8)) {
        let input = lines.join(&b'\n');
        let mut passed = 0;
        let summary = read("any", &input[..], &mut |_| passed += 1).unwrap();
        prop_assert_eq!(summary.records + summary.others, passed);
        prop_assert!(passed + summary.unread <= summary.lines);
    }

    #[test]
    fn a_record_line_with_any_text_comes_back(text in ".*", b64 in "[A-Za-z0-9+/=]{0,12}") {
        let text = serde_json::to_string(&text).unwrap();
        let line = format!(r#"{{"topic":"t","partition":0,"offset":0,"headers":["n",{text}],"key":{text},"payload_b64":"{b64}"}}"#);
        let mut once = Vec::new();
        read("any", line.as_bytes(), &mut |line| write(&mut once, &line).unwrap()).unwrap();
        let mut twice = Vec::new();
        read("any", &once[..], &mut |line| {
            assert!(matches!(line, Line::Record(_)));
            write(&mut twice, &line).unwrap();
        }).unwrap();
        prop_assert_eq!(once, twice);
    }
}

/// Time for one body, the best of a few.
fn time_of(body: &[u8]) -> Duration {
    let record = Record { offset: 0, timestamp_ms: 0, key: None, value: Some(body), headers: &[] };
    (0..5)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(decode("t", &record).rows.len(), 2);
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

#[test]
fn hostile_bodies_take_linear_time() {
    // Quadratic reading of a megabyte takes minutes; the bound is wide enough for any machine that builds this.
    let bound = Duration::from_secs(1);
    let megabyte = 1 << 20;
    for piece in ["[", "{\"a\":", "{\"metadata\":{", "\"", "\\", "[[],", "\"metadata\":{},", "\"id\":\"x\",", " "] {
        for start in ["{\"a\":", "{", "{\"metadata\":{", ""] {
            let body = [start, &piece.repeat(megabyte / piece.len())].concat();
            let took = time_of(body.as_bytes());
            assert!(took < bound, "{start}{piece}…: {took:?}");
        }
    }
}

#[test]
fn hostile_headers_take_linear_time() {
    let bound = Duration::from_secs(1);
    for (name, value) in [("traceparent", "00-"), ("message-id", ""), ("x-original-topic", "<"), ("timestamp", "soon")]
    {
        let headers = vec![Header { name: name.as_bytes(), value: Some(value.as_bytes()) }; 100_000];
        let record = Record { offset: 0, timestamp_ms: 0, key: None, value: None, headers: &headers };
        let start = Instant::now();
        let into = decode("orders-dlt", &record);
        assert!(start.elapsed() < bound, "{name}: {:?}", start.elapsed());
        assert!(into.undecoded.iter().sum::<u64>() > 0, "what was left out is counted");
    }
}

#[test]
fn deep_capture_lines_are_unread_lines() {
    for piece in ["[", "{\"a\":"] {
        let line = format!("{{\"other\":{}", piece.repeat(200_000));
        let summary = read("deep", line.as_bytes(), &mut |_| {}).unwrap();
        assert_eq!((summary.records, summary.unread), (0, 1));
    }
}

//! One test a convention: a record as it is on the wire, and the envelope that is expected.

use super::*;
use crate::event::{FailureKind, FailureNotice, Header, Origin, Spelling};

const A: &str = "8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e";
const B: &str = "0fc9cf1c-a374-4e0c-9fc6-d7a8d51b8d2b";
const TRACE: &str = "00-c69e4ece59870be786297fa079ad61a5-a387eade1273b3f8-03";
const OTHER: &str = "00-4eabf976a53bff3db8b2c8ee8b2ff3f0-64c7bc089a6aa23a-01";

/// What one record decoded to, in words.
#[derive(Debug, PartialEq, Default)]
struct Read {
    kind: &'static str,
    profile: (String, String, String, String),
    ids: [Option<String>; 3],
    trace: Option<u64>,
    time_ms: i64,
    says_root: bool,
    notice: Option<FailureNotice>,
    undecoded: Vec<&'static str>,
}

fn decode_record(topic: &str, headers: &[(&str, &[u8])], value: Option<&[u8]>) -> Read {
    let headers: Vec<Header<'_>> =
        headers.iter().map(|(name, value)| Header { name: name.as_bytes(), value: Some(value) }).collect();
    let record = Record { offset: 9, timestamp_ms: 1_000, key: Some(b"k"), value, headers: &headers };
    let partition = TopicPartition { cluster: "c".into(), topic: topic.into(), topic_id: [0; 16], partition: 0 };
    let mut into = Envelopes::default();
    Decoder::new(HashKey([1; 16]), HashKey([2; 16])).decode(&partition, &record, &mut into);
    assert_eq!(into.rows.len(), 1);
    read(&into)
}

fn read(into: &Envelopes) -> Read {
    let row = &into.rows[0];
    let text = |id: Option<Identifier>, span| id.map(|id| id.text().unwrap_or_else(|| into.arena.get(span).to_owned()));
    let profile = into.profiles[row.profile as usize].clone();
    let counted = Undecoded::ALL.into_iter().filter(|reason| into.undecoded[*reason as usize] > 0);
    Read {
        kind: row.kind.as_str(),
        profile: (profile.kind, profile.source, profile.version, profile.convention),
        ids: [text(row.id, row.texts[0]), text(row.causation, row.texts[1]), text(row.correlation, row.texts[2])],
        trace: row.trace.map(|trace| trace.parent_id),
        time_ms: row.time.millis(),
        says_root: row.says_root,
        notice: row.notice.map(|notice| into.notices[notice as usize].clone()),
        undecoded: counted.map(Undecoded::as_str).collect(),
    }
}

fn headers<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a [u8])> {
    headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
}

fn on(topic: &str, list: &[(&str, &str)], body: &str) -> Read {
    decode_record(topic, &headers(list), Some(body.as_bytes()))
}

fn event(profile: (&str, &str, &str, &str), ids: [Option<&str>; 3]) -> Read {
    let (kind, source, version, convention) = profile;
    Read {
        kind: "event",
        profile: (kind.into(), source.into(), version.into(), convention.into()),
        ids: ids.map(|id| id.map(str::to_owned)),
        time_ms: 1_000,
        ..Read::default()
    }
}

fn notice(kind: FailureKind, origin: Option<(&str, i32, i64)>) -> FailureNotice {
    let origin = origin.map(|(topic, partition, offset)| Origin { topic: topic.into(), partition, offset });
    FailureNotice {
        kind,
        origin,
        origin_topic: None,
        doubtful: false,
        group: None,
        attempt: None,
        error_class: None,
        error_message: None,
    }
}

#[test]
fn w3c_the_last_valid_traceparent_wins() {
    assert_eq!(on("t", &[("traceparent", OTHER), ("Traceparent", TRACE)], "").trace, Some(0xa387_eade_1273_b3f8));
    let broken = on("t", &[("traceparent", TRACE), ("traceparent", "00-zz")], "");
    assert_eq!((broken.trace, broken.undecoded), (Some(0xa387_eade_1273_b3f8), vec!["malformed_trace"]));
}

#[test]
fn cloudevents_binary() {
    let list = [
        ("ce_specversion", "1.0"),
        ("ce_id", A),
        ("ce_type", "shop.order.placed"),
        ("ce_source", "\"/shop/checkout\""),
        ("ce_time", "2026-11-21T01:59:01.596874Z"),
        ("ce_dataschema", "v2"),
        ("ce_causationid", B),
        ("ce_correlationid", "c-1"),
        ("ce_traceparent", OTHER),
        ("traceparent", TRACE),
        ("message-id", "weaker"),
    ];
    let expected = Read {
        trace: Some(0xa387_eade_1273_b3f8),
        time_ms: 1_795_226_341_596,
        ..event(("shop.order.placed", "/shop/checkout", "v2", "cloudevents-binary"), [Some(A), Some(B), Some("c-1")])
    };
    assert_eq!(on("orders", &list, "{}"), expected);
    let hint = on("orders", &list[..9], "{}");
    assert_eq!(hint.trace, Some(0x64c7_bc08_9a6a_a23a), "only the extension is left");
    let unknown = on("orders", &list[1..3], "{}");
    assert_eq!(unknown.ids[0], None, "without specversion these are no CloudEvents");
}

#[test]
fn cloudevents_structured_by_body_or_content_type() {
    let body = format!(
        r#"{{"specversion":"1.0","id":"{A}","type":"shop.paid","source":"\/shop","time":"2026-11-21T01:59:01Z",
           "causationid":"{B}","correlationid":"c-1","traceparent":"{OTHER}","data":{{"id":"no","type":"no"}}}}"#
    );
    let expected = Read {
        trace: Some(0x64c7_bc08_9a6a_a23a),
        time_ms: 1_795_226_341_000,
        ..event(("shop.paid", "/shop", "", "cloudevents-structured"), [Some(A), Some(B), Some("c-1")])
    };
    assert_eq!(on("payments", &[], &body), expected);
    let typed = on("payments", &[("Content-Type", "application/CloudEvents+json; charset=utf-8")], r#"{"id":"x"}"#);
    assert_eq!(typed.ids[0].as_deref(), Some("x"));
    assert_eq!(on("payments", &[("content-type", "application/json")], r#"{"id":"x"}"#).ids[0], None);
}

#[test]
fn metadata_envelope() {
    let body = format!(
        r#"{{"Meta_Data":{{"version":2,"traceParent":"{TRACE}","event_type":"OrderPlaced","eventId":"{A}",
           "causationId":"{A}","correlationId":4711,"timestamp":1795226341596}},"data":{{"orderId":1}}}}"#
    );
    let expected = Read {
        trace: Some(0xa387_eade_1273_b3f8),
        time_ms: 1_795_226_341_596,
        says_root: true,
        ..event(("OrderPlaced", "", "2", "metadata-envelope"), [Some(A), Some(A), Some("4711")])
    };
    assert_eq!(on("orders", &[], &body), expected);
    let bare = on("orders", &[], r#"{"metadata":{"eventType":"OrderPlaced"},"data":{}}"#);
    assert_eq!(bare.profile, Default::default(), "one field is no envelope");
    let beside = on("orders", &[], r#"{"metadata":{"eventType":"OrderPlaced","id":"x"}}"#);
    assert_eq!(beside.ids[0], None, "no data beside it");
}

#[test]
fn an_envelope_in_the_body_is_stronger_than_generic_headers() {
    let body = format!(r#"{{"data":null,"metadata":{{"id":"{A}","type":"Placed"}}}}"#);
    let read = on("orders", &[("message-id", B)], &body);
    assert_eq!((read.ids[0].as_deref(), read.profile.0.as_str()), (Some(A), "Placed"));
    let headers_answer = on("orders", &[("message-id", B), ("type", "T")], &body);
    assert_eq!(headers_answer.ids[0].as_deref(), Some(B), "then the body is not read");
}

#[test]
fn generic_headers_in_any_spelling() {
    for [id, kind, cause, correlation] in [
        ["message-id", "event_type", "causationId", "X-Correlation-ID"],
        ["eventId", "message.type", "Causation-Id", "correlation_id"],
        ["X-Message-Id", "type", "parent_event_id", "request-id"],
    ] {
        let list = [(id, A), (kind, "Paid"), (cause, "cause 1"), (correlation, "c-1"), ("source", "billing")];
        let expected = event(("Paid", "billing", "", "generic-headers"), [Some(A), Some("cause 1"), Some("c-1")]);
        assert_eq!(on("payments", &list, "not read"), expected);
    }
    let timed = on("t", &[("message-id", A), ("type", "T"), ("timestamp", "1795226341596")], "");
    assert_eq!(timed.time_ms, 1_795_226_341_596);
}

#[test]
fn a_parent_id_that_is_a_traceparent_names_no_event() {
    let read = on("t", &[("message-id", A), ("parent-id", TRACE)], "");
    assert_eq!((read.ids[1].as_deref(), read.undecoded), (None, vec!["malformed_id"]));
}

#[test]
fn generic_envelope_needs_two_fields_beside_the_data() {
    let read = on("t", &[], &format!(r#"{{"event_id":"{A}","eventType":"Paid","payload":[]}}"#));
    assert_eq!(read, event(("Paid", "", "", "generic-envelope"), [Some(A), None, None]));
    assert_eq!(on("t", &[], &format!(r#"{{"id":"{A}","type":"shirt"}}"#)), event(("", "", "", ""), [None; 3]));
}

/// Headers of Spring's retry topics, as captured.
fn spring_retry() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("event-id", A.as_bytes()),
        ("event-type", b"OrderPlaced"),
        ("kafka_original-topic", b"orders"),
        ("kafka_original-partition", &[0, 0, 0, 2]),
        ("kafka_original-offset", &[0, 0, 0, 0, 0, 0, 1, 0]),
        ("kafka_dlt-original-consumer-group", b"payment-svc"),
        ("retry_topic-attempts", &[0, 0, 0, 2]),
        ("retry_topic-attempts", &[0, 0, 0, 4]),
        ("kafka_exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
        ("kafka_exception-cause-fqcn", b"java.lang.IllegalStateException"),
        ("kafka_exception-message", b"Listener failed; card reported stolen"),
        ("kafka_exception-stacktrace", b"never kept"),
    ]
}

fn spring_notice(kind: FailureKind, origin: (&str, i32, i64)) -> FailureNotice {
    FailureNotice {
        group: Some("payment-svc".into()),
        attempt: Some(3),
        error_class: Some("java.lang.IllegalStateException".into()),
        error_message: Some("Listener failed; card reported stolen".into()),
        ..notice(kind, Some(origin))
    }
}

#[test]
fn spring_retry_topics_and_their_dead_letters() {
    for (topic, kind, name) in [
        ("orders-retry-300", FailureKind::Retry, "retry"),
        ("orders-kitchen-retry", FailureKind::Retry, "retry"),
        ("orders-dlt", FailureKind::DeadLetter, "dead_letter"),
        ("second-chance", FailureKind::Retry, "retry"),
        ("orders.failed", FailureKind::DeadLetter, "dead_letter"),
    ] {
        let read = decode_record(topic, &spring_retry(), Some(b"{}"));
        assert_eq!(read.kind, name, "{topic}");
        assert_eq!(read.notice, Some(spring_notice(kind, ("orders", 2, 256))), "{topic}");
        assert_eq!(read.ids[0].as_deref(), Some(A));
    }
}

#[test]
fn failure_headers_that_a_stream_processor_copied_to_its_output_are_stale() {
    let mut decoder = Decoder::new(HashKey([1; 16]), HashKey([2; 16]));
    let partition = TopicPartition { cluster: "c".into(), topic: "enriched".into(), topic_id: [0; 16], partition: 0 };
    let list = spring_retry();
    let stale: Vec<_> = list.iter().map(|(name, value)| Header { name: name.as_bytes(), value: Some(value) }).collect();
    let mut into = Envelopes::default();
    for headers in [&stale[..], &[], &stale[..]] {
        let record = Record { offset: 0, timestamp_ms: 0, key: None, value: Some(b"{}"), headers };
        decoder.decode(&partition, &record, &mut into);
    }
    let kinds: Vec<_> = into.rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [Kind::Retry, Kind::Event, Kind::Event], "a topic that holds events is none for failures");
}

#[test]
fn failure_headers_on_the_topic_that_failed_are_a_redrive() {
    let read = decode_record("orders", &spring_retry(), Some(b"{}"));
    assert_eq!((read.kind, read.notice), ("event", None));
}

#[test]
fn spring_dlt_the_first_set_is_the_origin_and_the_last_error_the_newest() {
    let list: Vec<(&str, &[u8])> = vec![
        ("kafka_dlt-original-topic", b"orders"),
        ("kafka_dlt-original-partition", &[0, 0, 0, 2]),
        ("kafka_dlt-original-offset", &[0, 0, 0, 0, 0, 0, 1, 0]),
        ("kafka_dlt-exception-fqcn", b"old.Exception"),
        ("kafka_dlt-original-topic", b"orders.DLT"),
        ("kafka_dlt-original-partition", &[0, 0, 0, 7]),
        ("kafka_dlt-original-offset", &[0, 0, 0, 0, 0, 0, 0, 7]),
        ("kafka_dlt-exception-fqcn", b"new.Exception"),
    ];
    let expected = FailureNotice {
        error_class: Some("new.Exception".into()),
        ..notice(FailureKind::DeadLetter, Some(("orders", 2, 256)))
    };
    let read = decode_record("orders.DLT", &list, None);
    assert_eq!((read.kind, read.notice), ("dead_letter", Some(expected)));
}

#[test]
fn spring_cloud_stream_binary_coordinates_and_group_from_the_topic() {
    let list: Vec<(&str, &[u8])> = vec![
        ("x-original-topic", b"orders"),
        ("x-original-partition", &[0, 0, 0, 1]),
        ("x-original-offset", &[0, 0, 0, 0, 0, 0, 0, 5]),
        ("x-exception-fqcn", b"java.io.IOException"),
        ("x-exception-message", b"printer on fire"),
    ];
    let expected = FailureNotice {
        group: Some("billing".into()),
        error_class: Some("java.io.IOException".into()),
        error_message: Some("printer on fire".into()),
        ..notice(FailureKind::DeadLetter, Some(("orders", 1, 5)))
    };
    let read = decode_record("error.orders.billing", &list, Some(b"{}"));
    assert_eq!((read.kind, read.notice), ("dead_letter", Some(expected)));
}

#[test]
fn connect_dead_letters_lie_on_a_topic_of_any_name() {
    let list = [
        ("__connect.errors.topic", "orders"),
        ("__connect.errors.partition", "3"),
        ("__connect.errors.offset", "1234"),
        ("__connect.errors.connector.name", "jdbc-sink"),
        ("__connect.errors.exception.class.name", "org.apache.kafka.connect.errors.DataException"),
        ("__connect.errors.exception.message", "no such column"),
    ];
    let expected = FailureNotice {
        group: Some("connect-jdbc-sink".into()),
        error_class: Some("org.apache.kafka.connect.errors.DataException".into()),
        error_message: Some("no such column".into()),
        ..notice(FailureKind::DeadLetter, Some(("orders", 3, 1234)))
    };
    let read = on("left-overs", &list, "{}");
    assert_eq!((read.kind, read.notice), ("dead_letter", Some(expected)));
}

#[test]
fn home_made_text_coordinates() {
    let list = [
        ("x-original-topic", "orders"),
        ("x-original-partition", "1"),
        ("x-original-offset", "12345678"),
        ("x-retry-count", "2"),
        ("x-error", "TimeoutError: gateway timeout"),
    ];
    let expected = FailureNotice {
        attempt: Some(2),
        error_class: Some("TimeoutError".into()),
        error_message: Some("TimeoutError: gateway timeout".into()),
        ..notice(FailureKind::Retry, Some(("orders", 1, 12_345_678)))
    };
    let read = on("orders.retry", &list, "{}");
    assert_eq!((read.kind, read.notice), ("retry", Some(expected)));
    assert_eq!(on("orders.dlq", &list, "{}").kind, "dead_letter");
}

#[test]
fn a_dead_letter_without_coordinates() {
    let list = [("message-id", A), ("type", "T"), ("dead-letter-reason", "stolen"), ("dead-letter-group", "payment")];
    let expected = FailureNotice {
        group: Some("payment".into()),
        error_message: Some("stolen".into()),
        ..notice(FailureKind::DeadLetter, None)
    };
    let read = on("orders.dead-letter", &list, "{}");
    assert_eq!((read.kind, read.notice), ("dead_letter", Some(expected)));
    let copied = on("invoices", &list, "{}");
    assert_eq!((copied.kind, copied.notice), ("event", None), "headers that were copied on to a later event");
}

#[test]
fn a_name_alone_is_enough_only_when_it_means_nothing_else() {
    assert_eq!(on("orders-dlq", &[], "{}").notice, Some(notice(FailureKind::DeadLetter, None)));
    assert_eq!(on("orders.retry", &[], "{}").notice, Some(notice(FailureKind::Retry, None)));
    assert_eq!(on("payments.failed", &[], "{}").kind, "event");
}

#[test]
fn broken_coordinates_leave_the_topic() {
    let list = [("x-original-topic", "orders"), ("x-original-partition", "one and more"), ("x-original-offset", "5")];
    let read = on("orders-dlq", &list, "{}");
    assert_eq!(read.undecoded, ["malformed_coordinates"]);
    assert_eq!(read.notice.unwrap().origin_topic.as_deref(), Some("orders"));
    let hostile = on("orders-dlq", &[("x-original-topic", "<script>")], "{}");
    assert_eq!(hostile.notice.unwrap().origin_topic, None);
    assert_eq!(hostile.undecoded, ["malformed_coordinates"]);
}

#[test]
fn internal_topics_hold_no_events() {
    for topic in ["__consumer_offsets", "__transaction_state", "app-store-changelog"] {
        let read = on(topic, &[("message-id", A)], "");
        assert_eq!((read.kind, &read.ids[0]), ("internal", &None), "{topic}");
    }
}

#[test]
fn limits_are_kept_and_counted() {
    let long = "x".repeat(5_000);
    let read = on("orders.dlq", &[("dead-letter-reason", &long), ("message-id", &long), ("type", &long)], "");
    assert_eq!(read.notice.unwrap().error_message.unwrap().len(), MAX_ERROR_BYTES);
    assert_eq!(read.profile.0.len(), MAX_PROFILE_TEXT_BYTES);
    assert_eq!(read.ids[0], None);
    assert_eq!(read.undecoded, ["malformed_id", "clipped"]);
    let many = vec![("message-id", A.as_bytes()); 3_000];
    assert_eq!(decode_record("t", &many, None).ids[0].as_deref(), Some(A));
}

#[test]
fn bodies_that_cannot_be_read_are_counted() {
    for (body, expected) in [
        (&br#"{"orderId": not json"#[..], vec!["malformed_body"]),
        (br#"{"eventId":"x","type":"T","data":{"#, vec!["malformed_body"]),
        (b"\x00\x00\x00\x00\x07avro", vec!["needs_schema"]),
        (b"plain text", vec![]),
        (b"[1,2]", vec![]),
        (b"", vec![]),
    ] {
        let read = decode_record("t", &[], Some(body));
        assert_eq!((read.undecoded, &read.ids[0]), (expected, &None), "{body:?}");
    }
    let framed = decode_record("t", &[], Some(b"\x00\x00\x00\x00\x07{\"eventId\":\"x\",\"type\":\"T\",\"data\":1}"));
    assert_eq!(framed.ids[0].as_deref(), Some("x"), "JSON behind the Confluent prefix");
    let late = format!(r#"{{"eventId":"x","type":"T","data":"{}"}}"#, "y".repeat(300_000));
    let late = decode_record("t", &[], Some(late.as_bytes()));
    assert_eq!((late.ids[0].as_deref(), late.undecoded), (None, vec!["clipped"]));
}

#[test]
fn sizes_key_and_spelling() {
    let mut decoder = Decoder::new(HashKey([1; 16]), HashKey([2; 16]));
    let partition = TopicPartition { cluster: "c".into(), topic: "t".into(), topic_id: [0; 16], partition: 0 };
    let headers = [Header { name: b"message-id", value: Some(b"o-1") }, Header { name: b"type", value: None }];
    let record = Record { offset: 3, timestamp_ms: 5, key: Some(b"key"), value: None, headers: &headers };
    let mut into = Envelopes::default();
    decoder.decode(&partition, &record, &mut into);
    decoder.decode(&partition, &Record { key: None, value: Some(b"abc"), ..record }, &mut into);
    let [first, second] = &into.rows[..] else { panic!("two rows") };
    assert_eq!((first.tombstone, first.key_bytes, first.value_bytes), (true, 3, 0));
    assert_eq!(first.key_hash, Some(decoder.key_hash(b"key")));
    assert_eq!((second.tombstone, second.key_hash, second.value_bytes), (false, None, 3));
    assert_eq!(first.id.unwrap().spelling, Spelling::Text);
    assert_eq!(into.arena.get(second.texts[0]), "o-1");
    assert_eq!((into.profiles.len(), first.profile, second.profile), (1, 0, 0));
}

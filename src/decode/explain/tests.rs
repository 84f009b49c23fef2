//! What is explained is what was decoded.

use super::super::compiled::shipped;
use super::super::row::Location;
use super::*;
use crate::event::{Header, Identifier, Kind, Span};

const KEY: HashKey = HashKey([7; 16]);

fn partition(topic: &str) -> TopicPartition {
    TopicPartition { cluster: "c".into(), topic: topic.into(), topic_id: [0; 16], partition: 0 }
}

fn explain(topic: &str, headers: &[(&str, &[u8])], body: Option<&[u8]>) -> Explanation {
    let headers: Vec<Header<'_>> =
        headers.iter().map(|(name, value)| Header { name: name.as_bytes(), value: Some(value) }).collect();
    let record = Record { offset: 7, timestamp_ms: 1_000, key: Some(b"k"), value: body, headers: &headers };
    let explanation = Explainer::new(KEY, &[]).explain(&partition(topic), &record);
    agree(topic, &record, &explanation);
    explanation
}

/// Decodes `record` as the tap does, and compares with what was explained.
fn agree(topic: &str, record: &Record<'_>, explanation: &Explanation) {
    let mut into = Envelopes::default();
    Decoder::new(KEY, HashKey([0; 16])).decode(&partition(topic), record, &mut into);
    let row = &into.rows[0];
    assert_eq!(explanation.field("kind").unwrap().value.as_deref(), Some(row.kind.as_str()));
    if row.kind == Kind::Internal {
        return;
    }
    let text =
        |id: Option<Identifier>, span: Span| id.map(|id| id.text().unwrap_or_else(|| into.arena.get(span).to_owned()));
    let profile = &into.profiles[row.profile as usize];
    let said = |text: &String| (!text.is_empty()).then(|| text.clone());
    let mut expected = vec![
        ("id", text(row.id, row.texts[0])),
        ("causation", text(row.causation, row.texts[1])),
        ("correlation", text(row.correlation, row.texts[2])),
        ("trace", row.trace.as_ref().map(words::trace)),
        ("type", said(&profile.kind)),
        ("source", said(&profile.source)),
        ("version", said(&profile.version)),
    ];
    let notice = row.notice.map(|at| &into.notices[at as usize]);
    let of = |value: fn(&crate::event::FailureNotice) -> Option<String>| notice.and_then(value);
    expected.push(("attempts", of(|notice| notice.attempt.map(|n| n.to_string()))));
    expected.push(("error_class", of(|notice| notice.error_class.clone())));
    expected.push(("error_message", of(|notice| notice.error_message.clone())));
    for (name, value) in expected {
        let story = explanation.field(name);
        assert_eq!(story.and_then(|story| story.value.clone()), value, "{name}: {explanation:#?}");
        let read = story.and_then(|story| story.from.as_ref()).and_then(|from| from.reads_as.clone());
        match value {
            // Long or binary texts are shown as they can be shown.
            Some(value) if words::raw(value.as_bytes()) != value || value.contains('\u{fffd}') => {}
            value => assert_eq!(read, value, "the winner of {name}: {explanation:#?}"),
        }
    }
    let time = explanation.field("time").unwrap();
    assert_eq!(time.value.as_deref(), Some(words::time(row.time).as_str()));
    if let Some(from) = &time.from {
        assert_eq!(from.reads_as, time.value, "{explanation:#?}");
    }
    let origin = notice.and_then(|notice| match &notice.origin {
        Some(origin) => Some(format!("{}/{}/{}", origin.topic, origin.partition, origin.offset)),
        None => notice.origin_topic.clone(),
    });
    let told = explanation.field("origin");
    assert_eq!(told.and_then(|story| story.value.clone()), origin, "{explanation:#?}");
    if let (Some(origin), Some(from)) = (origin, told.and_then(|story| story.from.as_ref())) {
        assert_eq!(origin.split('/').next(), from.reads_as.as_deref(), "{explanation:#?}");
    }
    let group = explanation.field("group").and_then(|story| story.value.clone());
    assert_eq!(group, of(|notice| notice.group.clone()), "{explanation:#?}");
    let counted: u64 = into.undecoded.iter().sum();
    assert_eq!(explanation.undecoded.iter().map(|one| one.count).sum::<u64>(), counted);
}

#[test]
fn a_dead_letter_tells_where_each_field_is_from_and_what_lost() {
    let trace = |last: &str| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b{last}-01");
    let (first, second) = (trace("7"), trace("8"));
    let explanation = explain(
        "loyalty.dlt",
        &[
            ("kafka_dlt-original-topic", b"loyalty"),
            ("kafka_dlt-original-partition", &[0, 0, 0, 1]),
            ("kafka_dlt-original-offset", &[0, 0, 0, 0, 0, 0, 0, 61]),
            ("kafka_dlt-original-consumer-group", b"loyalty"),
            ("ce_specversion", b"1.0"),
            ("ce_id", b"evt-1"),
            ("messageId", b"evt-1"),
            ("traceparent", first.as_bytes()),
            ("traceparent", second.as_bytes()),
            ("x-shop-region", b"west"),
        ],
        Some(br#"{"points":12}"#),
    );
    let field = |name| explanation.field(name).unwrap();
    let from = |name| field(name).from.as_ref().unwrap();
    assert_eq!(field("kind").value.as_deref(), Some("dead_letter"));
    assert!(field("kind").because.as_ref().unwrap().contains("another topic"));
    assert_eq!(field("origin").value.as_deref(), Some("loyalty/1/61"));
    let with: Vec<_> = field("origin").with.iter().map(|part| (part.place.as_str(), part.raw.as_str())).collect();
    let parts = [
        ("header kafka_dlt-original-partition", "0x00000001"),
        ("header kafka_dlt-original-offset", "0x000000000000003d"),
    ];
    assert_eq!(with, parts);
    assert_eq!((from("id").place.as_str(), from("id").convention.as_str()), ("header ce_id", "cloudevents-binary"));
    assert!(field("id").lost.iter().any(|lost| lost.reason.as_ref().unwrap().starts_with("says the same")));
    let trace = from("trace");
    assert_eq!(trace.occurrences, Some(2));
    assert!(field("trace").lost.iter().any(|lost| lost.occurrence != trace.occurrence));
    assert_eq!(explanation.unknown[0].place, "header x-shop-region");
    assert_eq!(explanation.topic_name.class, "dead_letter");
    assert!(explanation.topic_name.pattern.as_ref().unwrap().contains("dlt"));
}

#[test]
fn what_was_not_understood_says_why() {
    let explanation = explain(
        "orders",
        &[
            ("ce_specversion", b"1.0"),
            ("ce_id", b""),
            ("ce_time", b"yesterday"),
            ("traceparent", b"00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        ],
        Some(b"\0\0\0\0\x07binary"),
    );
    let lost = |name| explanation.field(name).unwrap().lost[0].reason.clone().unwrap();
    assert_eq!(lost("id"), "it is empty");
    assert!(lost("time").contains("RFC 3339"));
    assert!(lost("trace").contains("all zero"));
    assert!(explanation.body.outcome.contains("schema 7"), "{}", explanation.body.outcome);
    let counted: Vec<_> = explanation.undecoded.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(counted, ["malformed_trace", "malformed_id", "malformed_time", "needs_schema"]);
}

#[test]
fn a_convention_that_is_not_recognised_says_what_is_missing() {
    let explanation = explain("orders", &[("wolverine-protocol-version", b"1.0"), ("axon-message-id", b"a")], None);
    assert!(explanation.conventions.iter().any(|one| one.recognised && one.name == "axon"));
    let explanation = explain("orders", &[("correlation-id", b"c-1"), ("conversation-id", b"c-2")], None);
    let wolverine = explanation.conventions.iter().find(|one| one.name == "wolverine").unwrap();
    assert!(!wolverine.recognised);
    assert_eq!(wolverine.missing.as_deref(), Some("needs header wolverine-protocol-version"));
    assert!(wolverine.found.iter().any(|found| found == "root_id (header conversation-id)"), "{wolverine:?}");
}

#[test]
fn a_body_in_a_body_is_told() {
    let inner = r#"{\"metadata\":{\"id\":\"e-1\",\"type\":\"placed\"},\"data\":{\"total\":12}}"#;
    let explanation = explain("orders", &[], Some(format!("\"{inner}\"").as_bytes()));
    assert_eq!(explanation.body.unwrapped, ["body from a JSON string"]);
    let id = explanation.field("id").unwrap().from.as_ref().unwrap();
    assert_eq!(id.place, "body /metadata/id");
    let connect = br#"{"schema":null,"payload":{"metadata":{"id":"e-2","type":"placed"},"surplus":1}}"#;
    let explanation = explain("orders", &[], Some(connect));
    assert_eq!(explanation.body.unwrapped, ["body from Connect's schema and payload"]);
    let id = explanation.field("id").unwrap().from.as_ref().unwrap();
    assert_eq!(id.place, "body /payload/metadata/id");
    assert!(explanation.unknown.iter().any(|piece| piece.place == "body /payload/surplus"), "{explanation:#?}");
}

#[test]
fn hidden_values_leave_nothing_that_was_written_but_ids_and_names() {
    let mut explanation = explain(
        "orders.dlt",
        &[
            ("kafka_dlt-original-topic", b"orders"),
            ("kafka_dlt-exception-message", b"card 4711 was refused"),
            ("x-secret", b"s3cret"),
        ],
        None,
    );
    assert!(format!("{explanation:?}").contains("4711") && format!("{explanation:?}").contains("s3cret"));
    explanation.hide_values();
    let text = format!("{explanation:?}");
    assert!(!text.contains("4711") && !text.contains("s3cret"), "{text}");
}

/// A small generator that repeats itself: the seed is the whole state.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }

    fn value(&mut self) -> &'static [u8] {
        VALUES[self.roll(VALUES.len())]
    }
}

const VALUES: [&[u8]; 16] = [
    b"8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e",
    b"0fc9cf1c-a374-4e0c-9fc6-d7a8d51b8d2b",
    b"00-c69e4ece59870be786297fa079ad61a5-a387eade1273b3f8-03",
    b"00-4eabf976a53bff3db8b2c8ee8b2ff3f0-64c7bc089a6aa23a-01",
    b"4eabf976a53bff3db8b2c8ee8b2ff3f0",
    b"64c7bc089a6aa23a",
    b"orders",
    b"\0\0\0\x02",
    b"42",
    b"-1",
    b"2026-01-31T08:00:00Z",
    b"\"quoted\"",
    b"java.lang.IllegalStateException: no",
    b"",
    b"\xff\x00\x1b[31m",
    b"OrderPlaced",
];

#[test]
fn what_is_explained_is_what_was_decoded_of_random_records() {
    let (mut names, mut paths) = (Vec::new(), Vec::new());
    for convention in shipped() {
        let rows = convention.rows.iter().map(|row| &row.location);
        let conditions = convention.when.iter().flatten().filter_map(|condition| match condition {
            super::super::row::Condition::There(location, _) => Some(location),
            super::super::row::Condition::Field(_) => None,
        });
        let mut of_one = Vec::new();
        for location in rows.chain(conditions) {
            match location {
                Location::Header(spellings) => of_one.push(spellings[0].clone()),
                Location::Body(levels) => paths.push(levels.iter().map(|names| names[0].clone()).collect::<Vec<_>>()),
                Location::KeyField(_) => {}
            }
        }
        names.push(of_one);
    }
    names.retain(|of_one| !of_one.is_empty());
    let mut explainer = Explainer::new(KEY, &[]);
    let topics = ["orders", "orders.DLT", "orders-retry-1", "payments.failed", "error.orders.billing", "__internal"];
    let recognised = (0..2_000)
        .filter(|seed| {
            let mut dice = Dice(*seed);
            let mut headers: Vec<(String, &[u8])> = Vec::new();
            for _ in 0..dice.roll(3) {
                // Most of what one convention writes, so that it is recognised.
                for name in dice.pick(&names).clone() {
                    if dice.roll(4) > 0 {
                        headers.push((name, dice.value()));
                    }
                }
            }
            for _ in 0..dice.roll(3) {
                let of_one = dice.pick(&names).clone();
                headers.push((dice.pick(&of_one).clone(), dice.value()));
            }
            let mut body = serde_json::json!({});
            for _ in 0..dice.roll(6) {
                let path = dice.pick(&paths).clone();
                let value = String::from_utf8_lossy(dice.value()).into_owned();
                set(&mut body, &path, value);
            }
            let body = if dice.roll(5) == 0 { serde_json::json!(body.to_string()) } else { body };
            let body = body.to_string();
            let headers: Vec<Header<'_>> =
                headers.iter().map(|(name, value)| Header { name: name.as_bytes(), value: Some(value) }).collect();
            let value = (dice.roll(4) > 0).then_some(body.as_bytes());
            let record = Record { offset: 1, timestamp_ms: 5, key: None, value, headers: &headers };
            let topic = *dice.pick(&topics);
            let explanation = explainer.explain(&partition(topic), &record);
            agree(topic, &record, &explanation);
            explanation.conventions.iter().any(|one| one.recognised)
        })
        .count();
    assert!(recognised > 500, "{recognised}: the records say too little to prove anything");
}

fn set(body: &mut serde_json::Value, path: &[String], value: String) {
    let Some((first, deeper)) = path.split_first() else { return };
    let Some(members) = body.as_object_mut() else { return };
    match deeper {
        [] => {
            members.entry(first.clone()).or_insert(value.into());
        }
        _ => set(members.entry(first.clone()).or_insert(serde_json::json!({})), deeper, value),
    }
}

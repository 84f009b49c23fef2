//! A record of every convention, as frameworks write it, decodes to what it says.
//!
//! `tests/fixtures/*.toml` hold the records, `tests/golden` what they decode to.

use headwater::decode::{Decoder, shipped};
use headwater::event::{
    AttributeValue, Envelope, Envelopes, HashKey, Header, Identifier, Record, TopicPartition, Undecoded,
};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

#[derive(Deserialize)]
struct File {
    fixture: Vec<Fixture>,
}

/// One record. Values that begin with `0x` are bytes.
#[derive(Deserialize)]
struct Fixture {
    name: String,
    topic: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    key: Option<String>,
    body: Option<String>,
}

fn bytes(text: &str) -> Vec<u8> {
    match text.strip_prefix("0x") {
        Some(hex) => (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect(),
        None => text.as_bytes().to_vec(),
    }
}

fn read(file: &str) -> Vec<Fixture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file);
    toml::from_str::<File>(&std::fs::read_to_string(path).unwrap()).unwrap().fixture
}

fn decode(fixture: &Fixture) -> Envelopes {
    let values: Vec<_> = fixture.headers.iter().map(|(name, value)| (name, bytes(value))).collect();
    let headers: Vec<_> =
        values.iter().map(|(name, value)| Header { name: name.as_bytes(), value: Some(value) }).collect();
    let (key, body) = (fixture.key.as_deref().map(bytes), fixture.body.as_deref().map(bytes));
    let record = Record {
        offset: 9,
        timestamp_ms: 1_795_226_400_000,
        key: key.as_deref(),
        value: body.as_deref(),
        headers: &headers,
    };
    let partition =
        TopicPartition { cluster: "c".into(), topic: fixture.topic.as_str().into(), topic_id: [0; 16], partition: 0 };
    let mut into = Envelopes::default();
    Decoder::new(HashKey([1; 16]), HashKey([2; 16])).decode(&partition, &record, &mut into);
    into
}

/// What a record decoded to, a line a field that it gave.
fn told(into: &Envelopes) -> String {
    let row: &Envelope = &into.rows[0];
    let profile = &into.profiles[row.profile as usize];
    let mut told = String::new();
    let mut say = |name: &str, value: String| {
        if !value.is_empty() {
            writeln!(told, "  {name:<14} {value}").unwrap();
        }
    };
    let id = |id: Option<Identifier>, at: usize| {
        id.map(|id| id.text().unwrap_or_else(|| into.arena.get(row.texts[at]).to_owned())).unwrap_or_default()
    };
    say("kind", row.kind.as_str().into());
    say("convention", profile.convention.clone());
    say("id", id(row.id, 0));
    say("causation", id(row.causation, 1));
    say("correlation", id(row.correlation, 2));
    say("root", if row.says_root { "yes".into() } else { String::new() });
    say("type", profile.kind.clone());
    say("source", profile.source.clone());
    say("version", profile.version.clone());
    let own_time = row.time != row.record_time;
    say("time", if own_time { row.time.0.to_string() } else { String::new() });
    say(
        "trace",
        row.trace.map(|t| format!("{:016x}{:016x} {:016x}", t.trace_hi, t.trace_lo, t.parent_id)).unwrap_or_default(),
    );
    if let Some(notice) = row.notice.map(|at| &into.notices[at as usize]) {
        let origin = notice.origin.as_ref().map(|o| format!("{}/{}/{}", o.topic, o.partition, o.offset));
        say("origin", origin.or_else(|| notice.origin_topic.clone()).unwrap_or_default());
        say("group", notice.group.clone().unwrap_or_default());
        say("attempt", notice.attempt.map(|n| n.to_string()).unwrap_or_default());
        say("error", notice.error_class.clone().unwrap_or_default());
        say("message", notice.error_message.clone().unwrap_or_default());
        say("doubtful", if notice.doubtful { "yes".into() } else { String::new() });
    }
    if let Some(extra) = row.extra.map(|at| &into.extras[at as usize]) {
        say("request", if extra.request.is_some() { "yes".into() } else { String::new() });
        say("shares", if extra.shared.is_empty() { String::new() } else { extra.shared.len().to_string() });
        for fact in &extra.attributes {
            say(
                &fact.name,
                match &fact.value {
                    AttributeValue::Text(text) => text.clone(),
                    AttributeValue::Number(number) => number.to_string(),
                },
            );
        }
    }
    let counted = Undecoded::ALL.into_iter().filter(|reason| into.undecoded[*reason as usize] > 0);
    say("not read", counted.map(Undecoded::as_str).collect::<Vec<_>>().join(", "));
    told
}

fn golden(name: &str, text: &str) {
    let mut golden = insta::Settings::clone_current();
    golden.set_snapshot_path("golden");
    golden.set_prepend_module_to_snapshot(false);
    golden.set_omit_expression(true);
    golden.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn every_convention_decodes_its_record() {
    let fixtures = read("conventions.toml");
    let covered: BTreeSet<_> = fixtures.iter().map(|fixture| fixture.name.clone()).collect();
    let missing: Vec<_> = shipped().into_iter().map(|c| c.name).filter(|name| !covered.contains(name)).collect();
    assert_eq!(missing, [""; 0], "conventions without a record in tests/fixtures/conventions.toml");
    let mut text = String::new();
    for fixture in &fixtures {
        write!(text, "{} on {}\n{}", fixture.name, fixture.topic, told(&decode(fixture))).unwrap();
    }
    golden("conventions", &text);
}

#[test]
fn what_real_traffic_taught_decodes_to_what_it_means() {
    let mut text = String::new();
    for fixture in &read("findings.toml") {
        write!(text, "{} on {}\n{}", fixture.name, fixture.topic, told(&decode(fixture))).unwrap();
    }
    golden("findings", &text);
}

/// The cases for `traceparent` of the test suite of W3C Trace Context (`test/test.py`) that make sense without HTTP.
#[test]
fn traceparent_is_read_as_the_specification_says() {
    for line in include_str!("fixtures/w3c.tsv").lines() {
        let (value, expected) = line.split_once('\t').unwrap();
        let fixture = Fixture {
            name: String::new(),
            topic: "orders".into(),
            headers: vec![("traceparent".into(), value.into())],
            key: None,
            body: None,
        };
        let into = decode(&fixture);
        assert_eq!(into.rows[0].trace.is_some(), expected == "read", "{value:?}");
        assert_eq!(into.undecoded[Undecoded::MalformedTrace as usize] == 0, expected == "read", "{value:?}");
    }
}

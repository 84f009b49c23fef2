use super::*;
use apache_avro::types::Value;
use proptest::prelude::*;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage};
use std::sync::LazyLock;

const ORDER: &str = r#"{"type": "record", "name": "OrderPlaced", "namespace": "shop", "fields": [
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "raw_id", "type": {"type": "fixed", "name": "Id", "size": 16, "logicalType": "uuid"}},
    {"name": "cause", "type": ["null", "string"]},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}},
    {"name": "items", "type": {"type": "array", "items": "double"}},
    {"name": "tags", "type": {"type": "map", "values": ["null", "OrderPlaced"]}},
    {"name": "blob", "type": "bytes"},
    {"name": "ok", "type": "boolean"}
]}"#;

const SHIPPED: &str = r#"
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "confluent/meta.proto";
import "common/meta.proto";
// what goes in < one < box
message Other { string x = 1; message Inner { int32 y = 1; map<string, int32> m = 2; message Core { bool z = 1; } } }
message Shipped {
  string event_id = 1 [(confluent.field_meta) = {doc: "who am I"}];
  common.Meta meta = 2;
  google.protobuf.Timestamp at = 3;
  repeated sint32 weights = 4;
  repeated string labels = 5;
  map<int32, string> places = 6;
  Kind kind = 7;
  google.protobuf.StringValue note = 8;
  google.protobuf.Struct more = 9;
  bytes blob = 10;
  double price = 11;
  Shipped inside = 12;
  fixed64 big = 13;
  enum Kind { UNKNOWN = 0; FAST = 1; }
}"#;

const META: &str = r#"syntax = "proto3"; package common; message Meta { string correlation_id = 1; int64 depth = 2; }"#;

static AVRO: LazyLock<Schema> = LazyLock::new(|| Schema::parse(SchemaKind::Avro, ORDER, &[]).unwrap());
static PROTOBUF: LazyLock<Schema> = LazyLock::new(|| {
    let meta = Reference { name: "common/meta.proto".into(), text: META.into() };
    Schema::parse(SchemaKind::Protobuf, SHIPPED, &[meta]).unwrap()
});

fn bare(payload: &[u8]) -> Framed<'_> {
    Framed { id: SchemaId::Number(1), indexes: None, payload }
}

fn json(schema: &Schema, payload: &[u8]) -> Result<(serde_json::Value, Option<String>), Unreadable> {
    let mut text = b"before".to_vec();
    let name = schema.to_json(&bare(payload), &mut text)?.map(str::to_owned);
    Ok((serde_json::from_slice(&text["before".len()..]).expect("JSON"), name))
}

fn avro(schema: &str, value: Value) -> Vec<u8> {
    let schema = apache_avro::Schema::parse_str(schema).unwrap();
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build().unwrap();
    writer.write_value_to_vec(value).unwrap()
}

fn order() -> Vec<u8> {
    let uuid = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";
    let tags = [("a \"b\"".to_owned(), Value::Union(0, Value::Null.into()))];
    let fields = [
        ("id", Value::Uuid(uuid.parse().unwrap())),
        ("raw_id", Value::Uuid(uuid.parse().unwrap())),
        ("cause", Value::Union(1, Value::String("e-1\n\u{e9}".into()).into())),
        ("at", Value::TimestampMicros(1_700_000_000_123_456)),
        ("day", Value::Date(19_000)),
        ("total", Value::Decimal(apache_avro::Decimal::from((-1_205_i32).to_be_bytes()))),
        ("state", Value::Enum(1, "PAID".into())),
        ("items", Value::Array(vec![Value::Double(1.5), Value::Double(f64::NAN)])),
        ("tags", Value::Map(tags.into_iter().collect())),
        ("blob", Value::Bytes(vec![1, 2, 255])),
        ("ok", Value::Boolean(true)),
    ];
    avro(ORDER, Value::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

#[test]
fn an_avro_record_is_written_in_the_words_of_its_schema() {
    let (read, name) = json(&AVRO, &order()).unwrap();
    let wanted = serde_json::json!({
        "id": "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "raw_id": "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
        "cause": "e-1\n\u{e9}", "at": "2023-11-14T22:13:20.123456Z", "day": "2022-01-08", "total": -12.05,
        "state": "PAID", "items": [1.5, null], "tags": {"a \"b\"": null}, "blob": "AQL/", "ok": true,
    });
    assert_eq!(read, wanted);
    assert_eq!(name.as_deref(), Some("shop.OrderPlaced"));
}

#[test]
fn avro_schemas_may_lie_in_several_texts_in_any_order() {
    let main = r#"{"type":"record","name":"A","namespace":"x","fields":[{"name":"b","type":"y.B"},{"name":"c","type":["null","y.C"]}]}"#;
    let b = r#"{"type":"record","name":"B","namespace":"y","fields":[{"name":"c","type":"C"}]}"#;
    let c = r#"{"type":"record","name":"C","namespace":"y","fields":[{"name":"n","type":"long"}]}"#;
    for order in [[b, c], [c, b]] {
        let references = order.map(|text| Reference { name: "any".into(), text: text.into() });
        let schema = Schema::parse(SchemaKind::Avro, main, &references).unwrap();
        assert_eq!(json(&schema, &[14, 2, 5]).unwrap().0, serde_json::json!({"b": {"c": {"n": 7}}, "c": {"n": -3}}));
    }
    for bad in [main, "{", "\"nothing\"", r#"{"type":"record"}"#, ""] {
        assert!(matches!(Schema::parse(SchemaKind::Avro, bad, &[]), Err(SchemaError::Malformed(_))), "{bad}");
    }
}

#[test]
fn bare_avro_values_need_no_record() {
    let of = |text: &str, payload: &[u8]| json(&Schema::parse(SchemaKind::Avro, text, &[]).unwrap(), payload).unwrap();
    assert_eq!(of("\"string\"", b"\x06abc"), ("abc".into(), None));
    assert_eq!(of("\"bytes\"", b"\x06abc").0, serde_json::json!("BmFiYw=="));
    assert_eq!(of("[\"null\",\"long\"]", &[2, 1]).0, serde_json::json!(-1));
}

#[test]
fn hostile_avro_ends_at_a_limit() {
    let nothing = Schema::parse(SchemaKind::Avro, r#"{"type":"array","items":"null"}"#, &[]).unwrap();
    // One block with the largest count there is, of items that take no byte.
    let mut payload = vec![0xfe];
    payload.extend([0xff; 8]);
    payload.push(1);
    let mut text = Vec::new();
    assert_eq!(nothing.to_json(&bare(&payload), &mut text), Err(Unreadable::TooLarge));
    assert_eq!(text.len(), MAX_JSON_BYTES);
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    let list = Schema::parse(SchemaKind::Avro, list, &[]).unwrap();
    assert_eq!(json(&list, &[2; 1_000_000]).unwrap_err(), Unreadable::TooLarge);
    assert_eq!(json(&list, &[2, 2, 0]).unwrap().0.to_string(), r#"{"next":{"next":{"next":null}}}"#);
    for bad in [&[][..], &[4], &[1], &[0x80; 11]] {
        assert_eq!(json(&list, bad).unwrap_err(), Unreadable::Malformed, "{bad:?}");
    }
    let huge = "x".repeat(MAX_SCHEMA_BYTES + 1);
    for kind in [SchemaKind::Avro, SchemaKind::Protobuf, SchemaKind::Json] {
        assert!(matches!(Schema::parse(kind, &huge, &[]), Err(SchemaError::TooLarge(_))));
    }
}

fn shipped() -> Vec<u8> {
    let mut pool = prost_reflect::DescriptorPool::new();
    let mut resolver = protox::file::ChainFileResolver::new();
    resolver.add(Texts);
    resolver.add(protox::file::GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("main.proto").unwrap();
    pool.add_file_descriptor_set(compiler.file_descriptor_set()).unwrap();
    let text = r#"{"event_id": "e-1", "meta": {"correlation_id": "c-1", "depth": -2}, "at": "2023-11-14T22:13:20.5Z",
        "weights": [1, -2], "labels": ["a", "b"], "places": {"7": "x"}, "kind": "FAST", "note": "hello",
        "more": {"k": [1, null, "s", {"t": true}]}, "blob": "AQL/", "price": 2.5, "inside": {"event_id": "e-2"}, "big": 9}"#;
    let text = text.replace("event_id", "eventId").replace("correlation_id", "correlationId");
    let descriptor = pool.get_message_by_name("shop.Shipped").unwrap();
    let mut from = serde_json::Deserializer::from_str(&text);
    let message = DynamicMessage::deserialize(descriptor, &mut from).unwrap();
    assert_eq!(message.descriptor().name(), "Shipped");
    message.encode_to_vec()
}

struct Texts;

impl protox::file::FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        match name {
            "main.proto" => protox::file::File::from_source(name, SHIPPED),
            "common/meta.proto" => protox::file::File::from_source(name, META),
            "confluent/meta.proto" => protox::file::File::from_source(name, include_str!("confluent/meta.proto")),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

#[test]
fn a_protobuf_message_is_written_in_the_words_of_its_source() {
    let payload = [&[2, 2], &shipped()[..]].concat();
    let (read, name) = json(&PROTOBUF, &payload).unwrap();
    let wanted = serde_json::json!({
        "event_id": "e-1", "meta": {"correlation_id": "c-1", "depth": -2}, "at": "2023-11-14T22:13:20.5Z",
        "weights": [1, -2], "labels": ["a", "b"], "places": {"7": "x"}, "kind": "FAST", "note": "hello",
        "more": {"k": [1.0, null, "s", {"t": true}]}, "blob": "AQL/", "price": 2.5, "inside": {"event_id": "e-2"},
        "big": 9,
    });
    assert_eq!((read, name.as_deref()), (wanted, Some("shop.Shipped")));
}

#[test]
fn the_indexes_before_a_payload_lead_to_its_message() {
    for (indexes, payload, wanted) in [
        (&[0][..], &b"\x0a\x01a"[..], ("shop.Other", r#"{"x":"a"}"#)),
        (&[2, 0], b"\x0a\x01a", ("shop.Other", r#"{"x":"a"}"#)),
        (&[4, 0, 0], &[8, 5], ("shop.Other.Inner", r#"{"y":5}"#)),
        (&[6, 0, 0, 0], &[8, 1], ("shop.Other.Inner.Core", r#"{"z":true}"#)),
    ] {
        let mut text = Vec::new();
        let body = [indexes, payload].concat();
        assert_eq!(PROTOBUF.to_json(&bare(&body), &mut text), Ok(Some(wanted.0)));
        assert_eq!(String::from_utf8(text).unwrap(), wanted.1);
        let header = [&[1], &[7; 16][..], indexes].concat();
        let framed = Framed::by_header(&header, payload).unwrap();
        assert_eq!(framed.id, SchemaId::Guid([7; 16]));
        assert_eq!(PROTOBUF.to_json(&framed, &mut Vec::new()), Ok(Some(wanted.0)));
    }
    for bad in [&[][..], &[1], &[2, 9], &[2, 1], &[8, 0, 0, 0, 0], &[0xfe, 0xff, 0xff, 0xff, 0x0f]] {
        assert_eq!(PROTOBUF.to_json(&bare(bad), &mut Vec::new()), Err(Unreadable::Malformed), "{bad:?}");
    }
}

#[test]
fn a_descriptor_does_where_a_source_is_not_kept() {
    let text = "ChBzaG9wL29yZGVyLnByb3RvEgRzaG9wGh9nb29nbGUvcHJvdG9idWYvdGltZXN0YW1wLnByb3RvIkMKB1NoaXBwZWQSEAoIZXZlbnRf\
                aWQYASABKAkSJgoCYXQYAiABKAsyGi5nb29nbGUucHJvdG9idWYuVGltZXN0YW1wYgZwcm90bzM=";
    let schema = Schema::parse(SchemaKind::Protobuf, text, &[]).unwrap();
    let body = [0, 0x0a, 1, b'e', 0x12, 2, 8, 5];
    let (read, name) = json(&schema, &body).unwrap();
    assert_eq!(read, serde_json::json!({"event_id": "e", "at": "1970-01-01T00:00:05Z"}));
    assert_eq!(name.as_deref(), Some("shop.Shipped"));
}

#[test]
fn hostile_protobuf_ends_at_a_limit() {
    // A message within itself, from the inside out.
    let mut nested = Vec::new();
    for _ in 0..100 {
        let mut length = Vec::new();
        let mut rest = nested.len();
        while rest > 0x7f {
            length.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        length.push(rest as u8);
        nested = [&[0x62], &length[..], &nested[..]].concat();
    }
    let of = |payload: &[u8]| PROTOBUF.to_json(&bare(&[&[2, 2], payload].concat()), &mut Vec::new()).map(|_| ());
    assert_eq!(of(&nested), Err(Unreadable::TooLarge));
    assert_eq!(of(&[0xa0, 0x06, 0].repeat(200_000)), Err(Unreadable::TooLarge), "unknown fields without end");
    assert_eq!(of(&[0xa3, 0x06].repeat(50)), Err(Unreadable::Malformed), "groups that never end");
    assert_eq!(of(&[0xa3, 0x06, 8, 1, 0xa4, 0x06]), Ok(()), "a group is stepped over");
    assert_eq!(of(&[0x0a, 0xff, 0xff, 0xff, 0x7f]), Err(Unreadable::Malformed), "longer than the body");
    let deep = format!("syntax=\"proto3\"; option (x) = {}{};", "{a:".repeat(100_000), "}".repeat(100_000));
    let deep = Schema::parse(SchemaKind::Protobuf, &deep, &[]).unwrap_err();
    assert_eq!(deep, SchemaError::TooLarge("64 brackets within brackets"));
    for bad in ["syntax = \"proto3\"; message A { B b = 1; }", "import \"no.proto\";", "{", "AAAA"] {
        assert!(matches!(Schema::parse(SchemaKind::Protobuf, bad, &[]), Err(SchemaError::Malformed(_))), "{bad}");
    }
}

#[test]
fn the_wire_format_names_its_schema() {
    let framed = Framed::by_prefix(&[0, 0, 0, 1, 2, 9]).unwrap();
    assert_eq!((framed.id, framed.payload), (SchemaId::Number(258), &[9][..]));
    for bad in [&[][..], &[0, 0, 0, 0], &[1, 0, 0, 0, 1, 0], b"{\"a\":1}"] {
        assert_eq!(Framed::by_prefix(bad), None);
    }
    assert_eq!(Framed::by_header(&[0, 0, 0, 0, 3], b"x").unwrap().id, SchemaId::Number(3));
    for bad in [&[][..], &[0, 0, 0, 1], &[1, 2, 3], &[2, 0, 0, 0, 1]] {
        assert_eq!(Framed::by_header(bad, b"x"), None);
    }
}

/// A body that was read is JSON; one that was not stays below the limit.
fn stays_in_bounds(schema: &Schema, payload: &[u8]) {
    let mut text = Vec::new();
    match schema.to_json(&bare(payload), &mut text) {
        Ok(_) => assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok(), "{}", text.escape_ascii()),
        Err(_) => assert!(text.len() <= MAX_JSON_BYTES),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_within_bounds(payload in proptest::collection::vec(any::<u8>(), 0..400)) {
        stays_in_bounds(&AVRO, &payload);
        stays_in_bounds(&PROTOBUF, &[&[2, 2], &payload[..]].concat());
        stays_in_bounds(&PROTOBUF, &payload);
    }

    #[test]
    fn real_bodies_with_flipped_bits_are_read_within_bounds(flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6), cut in any::<usize>()) {
        for (schema, mut payload) in [(&*AVRO, order()), (&*PROTOBUF, [&[2, 2], &shipped()[..]].concat())] {
            for (at, byte) in &flips {
                let at = at % payload.len();
                payload[at] ^= byte;
            }
            stays_in_bounds(schema, &payload);
            payload.truncate(cut % payload.len());
            stays_in_bounds(schema, &payload);
        }
    }

    #[test]
    fn any_text_is_a_schema_or_is_none(text in "[\\PC\n]{0,200}") {
        for kind in [SchemaKind::Avro, SchemaKind::Protobuf, SchemaKind::Json] {
            let _ = Schema::parse(kind, &text, &[]);
        }
    }
}

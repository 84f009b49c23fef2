//! Made records as Kafka holds them: headers, captures, and the truth beside them.

use super::super::produce::{self, Outgoing, Writer};
use super::flow::{Made, Silence, Trace};
use super::source::{Batch, Source, Step};
use super::stream::Stream;
use super::{Declared, Options};
use base64::prelude::{BASE64_STANDARD, Engine};
use headwater::event::EventRef;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Records that are read from the source at once.
const BATCH: usize = 10_000;

/// The record as its producer would write it.
pub fn outgoing(made: &Made, stream: &Stream) -> Outgoing {
    let mut headers = Vec::new();
    let mut add = |name: &str, value: Vec<u8>| headers.push((name.to_owned(), Some(value)));
    match made.trace {
        Trace::None => {}
        // Upper-case digits break the rules.
        Trace::Malformed => add("traceparent", b"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01".to_vec()),
        Trace::Context(context) => {
            let (hi, lo, span) = (context.trace_hi, context.trace_lo, context.parent_id);
            add("traceparent", format!("00-{hi:016x}{lo:016x}-{span:016x}-01").into_bytes());
        }
    }
    for (name, id) in [("message-id", made.id), ("causation-id", made.causation), ("correlation-id", made.correlation)]
    {
        if let Some(text) = id.and_then(|id| id.text()) {
            add(name, text.into_bytes());
        }
    }
    add("event-type", format!("Type{}", made.event_type).into_bytes());
    if let Some(failed) = made.failed {
        let place = stream.places()[failed.ordinal().0 as usize];
        add("kafka_dlt-original-topic", stream.topic_name(place.topic).into_bytes());
        add("kafka_dlt-original-partition", place.partition.to_be_bytes().to_vec());
        add("kafka_dlt-original-offset", failed.offset().to_be_bytes().to_vec());
        add("kafka_dlt-original-consumer-group", format!("service-{:02}", made.service).into_bytes());
    }
    Outgoing {
        partition: stream.places()[made.reference.ordinal().0 as usize].partition,
        key: Some(format!("flow-{}", made.flow).into_bytes()),
        value: Some(format!("{{\"flow\":{},\"first\":{}}}", made.flow, made.first.0).into_bytes()),
        headers,
        timestamp_ms: Some(made.record_time / 1_000),
    }
}

/// A record line of a capture.
fn line(made: &Made, seen: i64, stream: &Stream) -> Value {
    let record = outgoing(made, stream);
    let [topic, partition, offset] = coordinates(made.reference, stream);
    let binary = made.failed.is_some();
    let pairs = |encode: fn(&[u8]) -> Value| -> Value {
        record.headers.iter().flat_map(|(name, value)| [json!(name), encode(value.as_deref().unwrap_or(b""))]).collect()
    };
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map_or(Value::Null, |text| json!(text));
    let utf8 = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or(Value::Null, text);
    let mut line = json!({
        "topic": topic, "partition": partition, "offset": offset, "tstype": "create",
        "ts": made.record_time / 1_000, "broker": 0, "headers": pairs(|bytes| json!(String::from_utf8_lossy(bytes))),
        "key": utf8(&record.key), "payload": utf8(&record.value), "captured_ms": seen / 1_000,
    });
    if binary {
        line["headers_b64"] = pairs(|bytes| json!(BASE64_STANDARD.encode(bytes)));
    }
    line
}

fn coordinates(reference: EventRef, stream: &Stream) -> [Value; 3] {
    let place = stream.places()[reference.ordinal().0 as usize];
    [json!(stream.topic_name(place.topic)), json!(place.partition), json!(reference.offset())]
}

fn at(reference: Option<EventRef>, stream: &Stream) -> Value {
    let Some(reference) = reference else { return Value::Null };
    let [topic, partition, offset] = coordinates(reference, stream);
    json!({"topic": topic, "partition": partition, "offset": offset})
}

/// What really happened, record by record.
#[derive(Debug, Default)]
pub struct Truths {
    records: Vec<Value>,
    kinds: BTreeMap<&'static str, u64>,
    caused: u64,
}

impl Truths {
    fn add(&mut self, made: &Made, stream: &Stream) {
        *self.kinds.entry(made.what.as_str()).or_default() += 1;
        self.caused += u64::from(made.cause.is_some());
        let [topic, partition, offset] = coordinates(made.reference, stream);
        let mut record = json!({
            "topic": topic, "partition": partition, "offset": offset, "kind": made.what.as_str(),
            "producer": format!("service-{:02}", made.service), "event_id": made.id.and_then(|id| id.text()),
            "cause": at(made.cause, stream), "cause_original": at(made.cause_first, stream), "original": at(made.original, stream),
            "first_original": at(made.original.map(|_| made.first), stream),
            "declared": at(named(made), stream),
        });
        if let Some(also) = made.also {
            record["all_causes"] = json!([at(made.cause, stream), at(Some(also), stream)]);
        }
        if let Some(note) = note(made) {
            record["note"] = json!(note);
        }
        self.records.push(record);
    }

    fn write(&self, file: &Path, options: &Options) {
        let truth = json!({
            "corpus": format!("generated-{}", options.preset.as_str()),
            "notes": [format!("seed {}, causes hidden in a share {} of all flows", options.seed, options.hide)],
            "counts": {"records": self.records.len(), "by_kind": self.kinds, "with_cause": self.caused},
            "records": self.records,
        });
        std::fs::write(file, serde_json::to_vec(&truth).unwrap()).unwrap();
    }
}

fn named(made: &Made) -> Option<EventRef> {
    match made.declared {
        Declared::Names(named) => Some(named),
        _ => None,
    }
}

fn note(made: &Made) -> Option<&'static str> {
    match (made.declared, made.trace) {
        (Declared::Absent, _) => Some("its cause lies on a topic that was not captured"),
        (Declared::Nothing(Silence::Hidden), _) => Some("its cause is hidden"),
        (Declared::Nothing(Silence::WithoutIds), _) => Some("no ids"),
        (Declared::Nothing(Silence::CauseWithoutId), _) => Some("its cause has no id"),
        (_, Trace::Malformed) => Some("malformed trace context"),
        _ => None,
    }
}

/// Writes `records.ndjson` and `truth.json` into `folder`: the form of the captures of real traffic.
pub fn capture(options: Options, folder: &Path) -> u64 {
    let mut source = Source::new(Options { recreate: false, ..options });
    let mut out = std::io::BufWriter::new(std::fs::File::create(folder.join("records.ndjson")).unwrap());
    let (mut truths, mut batch, mut count) = (Truths::default(), Batch::default(), 0);
    while source.fill(&mut batch, BATCH) {
        for step in &batch.steps {
            let Step::Read { seen, rows, .. } = step else { continue };
            for made in &batch.records[rows.clone()] {
                writeln!(out, "{}", line(made, *seen, source.stream())).unwrap();
                truths.add(made, source.stream());
                count += 1;
            }
        }
    }
    out.flush().unwrap();
    truths.write(&folder.join("truth.json"), &options);
    count
}

/// Makes the topics of the stream on a cluster, writes everything, and gives what was written. Names of topics begin
/// with `domain-` and `service-`.
pub fn write_all(options: Options, bootstrap: &str) -> (Stream, Vec<Made>) {
    let mut stream = Stream::new(Options { recreate: false, ..options });
    let mut partitions = BTreeMap::new();
    for place in stream.places() {
        *partitions.entry(place.topic).or_insert(0) += 1;
    }
    let names: BTreeMap<u16, String> = partitions.keys().map(|topic| (*topic, stream.topic_name(*topic))).collect();
    let made: Vec<Made> = stream.by_ref().collect();
    let used: std::collections::BTreeSet<u16> = made.iter().map(|made| made.topic).collect();
    for topic in used {
        produce::create_topic(bootstrap, &names[&topic], partitions[&topic]);
    }
    let writer = Writer::new(bootstrap, "lz4");
    for record in &made {
        writer.send(&names[&record.topic], &outgoing(record, &stream));
    }
    writer.flush();
    (stream, made)
}

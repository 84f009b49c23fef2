//! What it costs to read an envelope: CPU of one thread a record, beside a bare look at the same headers.

use super::{Goal, Options, Row, cpu, median};
use crate::support::generate::uuid;
use headwater::decode::Decoder;
use headwater::event::{Envelopes, HashKey, Header, Record, TopicPartition};
use std::hint::black_box;

/// Different records of each kind, so that no branch learns one by heart.
const RECORDS: usize = 256;
/// Records of one answer, as a fetch thread sees them.
const ANSWER: usize = 1_024;
/// CPU that one measurement should take, in seconds: above what the system's clock of a thread can tell apart.
const SECONDS: f64 = 0.2;
/// What a typical record may cost beyond a look at its headers, in ns.
const GOAL: f64 = 150.0;

struct Made {
    headers: Vec<(String, Vec<u8>)>,
    value: Vec<u8>,
}

/// Measures each kind of record and the bare look at it, alternately.
pub fn measure(options: &Options) -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut kinds: Vec<(&'static str, Vec<Made>)> = vec![
        (
            "nothing",
            make(&mut random, |_| (vec![("tenant", "eu-1".into()), ("user-agent", "shop/1.0".into())], "x".into())),
        ),
        ("typical", make(&mut random, |random| (ids(random), "{\"order\":1}".into()))),
        ("worst", make(&mut random, |random| (worst(random), "{\"order\":1}".into()))),
        (
            "plain-1k",
            make(&mut random, |random| (Vec::new(), format!(r#"{{"order":{},{}}}"#, random.u32(..), filler(1_000)))),
        ),
    ];
    for (name, bytes) in [("body-1k", 1_000), ("body-10k", 10_000), ("body-100k", 100_000)] {
        kinds.push((name, make(&mut random, |random| (Vec::new(), envelope(random, bytes)))));
    }
    kinds.into_iter().map(|(name, records)| row(options, name, &records)).collect()
}

fn row(options: &Options, name: &'static str, records: &[Made]) -> Row {
    let rounds = options.size.rounds;
    let (mut decoded, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        decoded.push(decode_ns(if name == "worst" { "orders-dlt" } else { "orders" }, records));
        bare.push(bare_ns(records));
    }
    let (decoded, bare) = (median(decoded), median(bare));
    let bytes = records.iter().map(|record| record.value.len()).sum::<usize>() / records.len();
    let goal = if name == "typical" { Goal::AtMost(GOAL) } else { Goal::None };
    let mut row = Row::new(name, decoded - bare, "ns", goal);
    row.more =
        vec![("bare_ns", bare.round().into()), ("decoded_ns", decoded.round().into()), ("body_bytes", bytes.into())];
    row
}

fn make(
    random: &mut fastrand::Rng,
    mut one: impl FnMut(&mut fastrand::Rng) -> (Vec<(&'static str, String)>, String),
) -> Vec<Made> {
    (0..RECORDS)
        .map(|_| {
            let (headers, value) = one(random);
            let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
            Made { headers, value: value.into_bytes() }
        })
        .collect()
}

fn id(random: &mut fastrand::Rng) -> String {
    uuid(random.u64(..), random.u64(..))
}

fn ids(random: &mut fastrand::Rng) -> Vec<(&'static str, String)> {
    let trace = format!("00-{:016x}{:016x}-{:016x}-01", random.u64(1..), random.u64(..), random.u64(1..));
    vec![
        ("traceparent", trace),
        ("message-id", id(random)),
        ("causation-id", id(random)),
        ("correlation-id", id(random)),
    ]
}

/// A dead letter with forty headers and a stack trace of 20 kB.
fn worst(random: &mut fastrand::Rng) -> Vec<(&'static str, String)> {
    const OTHERS: [&str; 28] = [
        "x-01", "x-02", "x-03", "x-04", "x-05", "x-06", "x-07", "x-08", "x-09", "x-10", "x-11", "x-12", "x-13", "x-14",
        "x-15", "x-16", "x-17", "x-18", "x-19", "x-20", "x-21", "x-22", "x-23", "x-24", "x-25", "x-26", "x-27", "x-28",
    ];
    let mut headers = ids(random);
    headers.extend(OTHERS.map(|name| (name, id(random))));
    headers.extend([
        ("kafka_dlt-original-topic", "orders".to_owned()),
        ("kafka_dlt-original-partition", "\0\0\0\u{2}".to_owned()),
        ("kafka_dlt-original-offset", "\0\0\0\0\0\0\u{1}\0".to_owned()),
        ("kafka_dlt-original-consumer-group", "payment-svc".to_owned()),
        ("kafka_dlt-exception-fqcn", "java.lang.IllegalStateException".to_owned()),
        ("kafka_dlt-exception-cause-fqcn", "java.io.IOException".to_owned()),
        ("kafka_dlt-exception-message", format!("order {} was declined", random.u32(..))),
        ("kafka_dlt-exception-stacktrace", "\tat com.example.Shop.pay(Shop.java:17)\n".repeat(512)),
    ]);
    headers
}

fn filler(bytes: usize) -> String {
    let item = r#"{"sku":"4711-A","text":"a shirt, blue, of cotton","price":19.99,"tags":["new","sale"]}"#;
    let items = vec![item; (bytes / item.len()).max(1)];
    format!(r#""items":[{}]"#, items.join(","))
}

/// An envelope that stands behind its data, so that all of the body is read.
fn envelope(random: &mut fastrand::Rng, bytes: usize) -> String {
    format!(
        r#"{{"data":{{{}}},"metadata":{{"eventId":"{}","eventType":"OrderPlaced","causationId":"{}","timestamp":"2026-11-21T01:59:01Z"}}}}"#,
        filler(bytes),
        id(random),
        id(random)
    )
}

fn each(records: &[Made], offset: usize, mut look: impl FnMut(&Record<'_>)) {
    let made = &records[offset % records.len()];
    let mut headers = [Header { name: b"", value: None }; 64];
    for (header, (name, value)) in headers.iter_mut().zip(&made.headers) {
        *header = Header { name: name.as_bytes(), value: Some(value) };
    }
    look(&Record {
        offset: offset as i64,
        timestamp_ms: 1_795_226_341_596,
        key: Some(b"order-4711"),
        value: Some(&made.value),
        headers: &headers[..made.headers.len()],
    });
}

/// ns of CPU a record: `work` reads as many records as it is told.
fn per_record(mut work: impl FnMut(usize)) -> f64 {
    let mut count = ANSWER;
    loop {
        let begun = cpu::of_self();
        work(count);
        let spent = cpu::of_self() - begun;
        if spent >= SECONDS {
            return spent * 1e9 / count as f64;
        }
        count *= 2;
    }
}

fn decode_ns(topic: &str, records: &[Made]) -> f64 {
    let partition = TopicPartition { cluster: "c".into(), topic: topic.into(), topic_id: [1; 16], partition: 0 };
    let mut decoder = Decoder::new(HashKey([1; 16]), HashKey([2; 16]));
    per_record(|count| {
        for answer in 0..count / ANSWER {
            let mut into = Envelopes::default();
            into.rows.reserve(ANSWER);
            for at in 0..ANSWER {
                each(records, answer * ANSWER + at, |record| decoder.decode(&partition, record, &mut into));
            }
            black_box(&into);
        }
    })
}

/// A look at every header, as any reader has to take.
fn bare_ns(records: &[Made]) -> f64 {
    per_record(|count| {
        for at in 0..count {
            each(records, at, |record| {
                let bytes = |header: &Header<'_>| header.name.len() + header.value.map_or(0, <[u8]>::len);
                black_box(record.headers.iter().map(bytes).sum::<usize>());
            });
        }
    })
}

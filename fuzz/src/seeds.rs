//! What the cases begin with: the records of the fixtures and of the captures.

use crate::capture::{CapturedRecord, Line, read};
use crate::mutate::Made;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct File {
    fixture: Vec<Fixture>,
}

#[derive(Deserialize)]
struct Fixture {
    topic: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    key: Option<String>,
    body: Option<String>,
}

/// Where a case begins.
pub struct Seeds {
    /// Records.
    pub records: Vec<Made>,
    /// Lines of captures.
    pub lines: Vec<Vec<u8>>,
    /// Keys and values of records of the log of commits.
    pub commits: Vec<(Vec<u8>, Vec<u8>)>,
    /// Offset maps of the Parallel Consumer.
    pub maps: Vec<Vec<u8>>,
    /// All names of headers that occur.
    pub names: Vec<Vec<u8>>,
}

/// Everything there is.
pub fn all() -> Seeds {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let mut seeds = Seeds { records: Vec::new(), lines: Vec::new(), commits: Vec::new(), maps: Vec::new(), names: Vec::new() };
    for file in ["conventions.toml", "findings.toml"] {
        let text = std::fs::read_to_string(root.join("fixtures").join(file)).expect("the fixtures are there");
        seeds.records.extend(toml::from_str::<File>(&text).expect("they are TOML").fixture.into_iter().map(made));
    }
    for capture in ["kafkajs-otel", "python-cloudevents", "spring-retryable"] {
        let text = std::fs::read(root.join(format!("captures/{capture}.ndjson"))).expect("the captures are there");
        read(capture, &text[..], &mut |line| {
            if let Line::Record(record) = line {
                seeds.records.push(Made {
                    topic: record.topic.to_owned(),
                    offset: record.record.offset,
                    timestamp_ms: record.record.timestamp_ms,
                    key: record.record.key.map(<[u8]>::to_vec),
                    value: record.record.value.map(<[u8]>::to_vec),
                    headers: record
                        .record
                        .headers
                        .iter()
                        .map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec)))
                        .collect(),
                });
            }
        })
        .expect("a capture can be read");
        seeds.lines.extend(text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
    }
    commits(&root, &mut seeds);
    let names = seeds.records.iter().flat_map(|record| record.headers.iter().map(|(name, _)| name.clone()));
    seeds.names = names.collect();
    seeds.names.sort();
    seeds.names.dedup();
    seeds
}

fn commits(root: &Path, seeds: &mut Seeds) {
    for capture in ["kafkajs-otel", "python-cloudevents", "spring-retryable"] {
        let text = std::fs::read(root.join(format!("captures/{capture}.internal.ndjson"))).expect("they are there");
        read(capture, &text[..], &mut |line| {
            if let Line::Record(CapturedRecord { topic: "__consumer_offsets", record, .. }) = line {
                let bytes = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
                seeds.commits.push((bytes(record.key), bytes(record.value)));
            }
        })
        .expect("a capture can be read");
    }
    let maps = std::fs::read_to_string(root.join("fixtures/parallel_consumer.txt")).expect("the offset maps are there");
    let fields = maps.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(3));
    seeds.maps = fields.map(|text| STANDARD.decode(text).expect("they are base64")).collect();
}

fn made(fixture: Fixture) -> Made {
    let bytes = |text: &str| match text.strip_prefix("0x") {
        Some(hex) => {
            (0..hex.len() / 2).filter_map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()).collect()
        }
        None => text.as_bytes().to_vec(),
    };
    Made {
        topic: fixture.topic,
        offset: 1,
        timestamp_ms: 1_795_226_341_596,
        key: fixture.key.as_deref().map(bytes),
        value: fixture.body.as_deref().map(bytes),
        headers: fixture.headers.iter().map(|(name, value)| (name.clone().into_bytes(), Some(bytes(value)))).collect(),
    }
}

//! What the cases begin with: the records of the fixtures and of the captures.

use crate::capture::{Line, read};
use crate::mutate::Made;
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
    /// All names of headers that occur.
    pub names: Vec<Vec<u8>>,
}

/// Everything there is.
pub fn all() -> Seeds {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let mut seeds = Seeds { records: Vec::new(), lines: Vec::new(), names: Vec::new() };
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
    let names = seeds.records.iter().flat_map(|record| record.headers.iter().map(|(name, _)| name.clone()));
    seeds.names = names.collect();
    seeds.names.sort();
    seeds.names.dedup();
    seeds
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

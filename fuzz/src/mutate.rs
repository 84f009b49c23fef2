//! From records that frameworks write to records that nobody meant.

use crate::seeds::Seeds;
use base64::Engine;
use fastrand::Rng;

/// Changes made to one case at most.
const CHANGES: usize = 6;
/// Longest value that a case is blown up to.
const LONGEST: usize = 1 << 20;
/// Most headers of a case.
const HEADERS: usize = 2_000;

/// A record that owns its bytes.
#[derive(Debug, Clone)]
pub struct Made {
    pub topic: String,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// One case.
pub enum Case {
    Record(Made),
    Capture(Vec<u8>),
    /// Key and value of a record of the log of commits.
    Commit(Vec<u8>, Vec<u8>),
    /// What a client wrote beside a commit, before its base64.
    Metadata(Vec<u8>),
}

impl Case {
    /// What is counted.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Record(_) => "records",
            Self::Capture(_) => "captures",
            Self::Commit(..) => "commits",
            Self::Metadata(_) => "metadata",
        }
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Record(made) => {
                let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
                let headers = made.headers.iter().map(|(name, value)| name.len() + len(value));
                len(&made.key) + len(&made.value) + headers.sum::<usize>()
            }
            Self::Capture(bytes) | Self::Metadata(bytes) => bytes.len(),
            Self::Commit(key, value) => key.len() + value.len(),
        }
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record(made) => {
                writeln!(f, "topic {}, key {:?}", made.topic, made.key.as_deref().map(shown))?;
                for (name, value) in made.headers.iter().take(40) {
                    writeln!(f, "  {} = {:?}", shown(name), value.as_deref().map(shown))?;
                }
                write!(f, "  value {:?}", made.value.as_deref().map(shown))
            }
            Self::Capture(bytes) | Self::Metadata(bytes) => f.write_str(&shown(bytes)),
            Self::Commit(key, value) => write!(f, "key {}, value {}", shown(key), shown(value)),
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(2_000)].escape_ascii().to_string()
}

/// A case of `seeds`, changed a few times.
pub fn mutated(seeds: &Seeds, random: &mut Rng) -> Case {
    if random.u8(..) < 26 {
        let mut text = Vec::new();
        for _ in 0..random.usize(1..4) {
            let mut line = seeds.lines[random.usize(..seeds.lines.len())].clone();
            (0..random.usize(..CHANGES)).for_each(|_| change(&mut line, random));
            text.extend(line);
            text.push(b'\n');
        }
        return Case::Capture(text);
    }
    if random.u8(..) < 26 {
        return commit(seeds, random);
    }
    let mut made = seeds.records[random.usize(..seeds.records.len())].clone();
    for _ in 0..random.usize(1..=CHANGES) {
        match random.u8(..10) {
            0 => made.topic = seeds.records[random.usize(..seeds.records.len())].topic.clone(),
            1 => rename(&mut made, seeds, random),
            2 => repeat(&mut made, random),
            3 => made.value = Some(wrapped(made.value.take().unwrap_or_default(), random)),
            4 => encode_headers(&mut made),
            5 => made.key = Some(random_bytes(random, 40)),
            6 => made.value = seeds.records[random.usize(..seeds.records.len())].value.clone(),
            _ => one_value(&mut made, random),
        }
    }
    Case::Record(made)
}

/// A record of the log of commits, or the metadata of a commit.
fn commit(seeds: &Seeds, random: &mut Rng) -> Case {
    let changed = |bytes: &[u8], random: &mut Rng| {
        let mut bytes = bytes.to_vec();
        (0..random.usize(..CHANGES)).for_each(|_| change(&mut bytes, random));
        bytes
    };
    if random.bool() {
        let map = &seeds.maps[random.usize(..seeds.maps.len())];
        return Case::Metadata(changed(map, random));
    }
    let (key, value) = &seeds.commits[random.usize(..seeds.commits.len())];
    Case::Commit(changed(key, random), changed(value, random))
}

/// Gives a header the name of another, or a new header.
fn rename(made: &mut Made, seeds: &Seeds, random: &mut Rng) {
    let name = seeds.names[random.usize(..seeds.names.len())].clone();
    if made.headers.is_empty() || random.bool() {
        made.headers.push((name, Some(random_bytes(random, 60))));
    } else {
        let at = random.usize(..made.headers.len());
        made.headers[at].0 = name;
    }
}

fn repeat(made: &mut Made, random: &mut Rng) {
    if made.headers.is_empty() {
        return;
    }
    let header = made.headers[random.usize(..made.headers.len())].clone();
    let times = if random.u8(..) == 0 { HEADERS } else { random.usize(1..5) };
    let small = header.1.as_ref().is_none_or(|value| value.len() < 200);
    made.headers.extend(std::iter::repeat_n(header, if small { times } else { 1 }));
}

/// A body inside something else.
fn wrapped(value: Vec<u8>, random: &mut Rng) -> Vec<u8> {
    let text = String::from_utf8_lossy(&value).into_owned();
    match random.u8(..6) {
        0 => serde_json::to_vec(&text).unwrap_or_default(),
        1 => format!(r#"{{"schema":{{}},"payload":{text}}}"#).into_bytes(),
        2 => [&[0, 0, 0, 0, 7][..], &value].concat(),
        3 => format!("[{text},{text}]").into_bytes(),
        4 => nested(random),
        _ => {
            let payload = serde_json::to_string(&text).unwrap_or_default();
            format!(r#"{{"schema":{{}},"payload":{payload}}}"#).into_bytes()
        }
    }
}

/// JSON that goes deep, or long.
fn nested(random: &mut Rng) -> Vec<u8> {
    let parts: [&[u8]; 6] = [b"{\"metadata\":", b"[", b"{\"payload\":", b"{\"schema\":{},\"payload\":", b"{\"a\":", b"[[\"x\","];
    let part = parts[random.usize(..parts.len())];
    let times = 1 << random.u32(..17);
    part.repeat(times.min(LONGEST / part.len()))
}

fn encode_headers(made: &mut Made) {
    for (_, value) in &mut made.headers {
        if let Some(bytes) = value {
            *value = Some(base64::engine::general_purpose::STANDARD.encode(&bytes).into_bytes());
        }
    }
}

fn one_value(made: &mut Made, random: &mut Rng) {
    let values = made.headers.len() + 1;
    match random.usize(..values) {
        0 => {
            let mut value = made.value.take().unwrap_or_default();
            change(&mut value, random);
            made.value = Some(value);
        }
        at => {
            let header = &mut made.headers[at - 1].1;
            let mut value = header.take().unwrap_or_default();
            change(&mut value, random);
            *header = Some(value);
        }
    }
}

/// Changes some bytes.
fn change(bytes: &mut Vec<u8>, random: &mut Rng) {
    let at = random.usize(..=bytes.len());
    match random.u8(..8) {
        0 if at < bytes.len() => bytes[at] = random.u8(..),
        1 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, b"\"\\{}[]:,0-\0="[random.usize(..12)]),
        4 => {
            let piece = bytes[at..].to_vec();
            bytes.splice(at..at, piece);
        }
        5 if bytes.len() < LONGEST / 64 && random.u8(..) < 8 => *bytes = bytes.repeat(random.usize(1..64)),
        6 => *bytes = random_bytes(random, 30),
        _ if at < bytes.len() => {
            bytes.remove(at);
        }
        _ => {}
    }
    bytes.truncate(LONGEST);
}

fn random_bytes(random: &mut Rng, most: usize) -> Vec<u8> {
    (0..random.usize(..most)).map(|_| random.u8(..)).collect()
}

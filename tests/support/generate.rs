//! Events that name the event that caused them, with the edges known exactly.
//!
//! Three topics, one to five effects a cause, and effects that are written before their causes. One seed is one
//! stream: the same ids, the same order, the same edges.

use super::produce::{Outgoing, Writer};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// Partitions of each topic.
pub const PARTITIONS: i32 = 4;
/// Events that one cause has at most.
const FAN_OUT: u64 = 5;
/// How many events may be written between an effect and the cause that it comes before.
const DISORDER: u64 = 400;
/// One event in so many comes before its cause by more than that.
const STRAYS: u64 = 200;
/// Timestamp of the first event, ms: 2026-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// A stream of events in the order in which they are written.
pub struct Stream {
    /// Names of the three topics.
    pub topics: [String; 3],
    events: Vec<Event>,
    /// Index of the cause, by event, in the order in which they are written.
    causes: Vec<Option<usize>>,
}

struct Event {
    id: String,
    /// What its causation header says; roots say their own id or nothing.
    causation: Option<String>,
    topic: usize,
    partition: i32,
    offset: i64,
}

/// `topic/partition/offset` of an effect and of its cause.
pub type Edge = (String, String);

impl Stream {
    /// `count` events on topics whose names begin with `prefix`.
    pub fn new(prefix: &str, count: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let born = family(count, &mut random);
        let ids: Vec<String> = (0..count).map(|number| id(number, &mut random)).collect();
        // The order of writing: that of birth, shaken, so that effects come before causes.
        let mut order: Vec<(u64, usize)> = (0..count)
            .map(|number| {
                let reach = if random.u64(..STRAYS) == 0 { count as u64 / 4 } else { DISORDER };
                (number as u64 + random.u64(..=reach), number)
            })
            .collect();
        order.sort_unstable();
        let mut written_as = vec![0; count];
        for (place, (_, number)) in order.iter().enumerate() {
            written_as[*number] = place;
        }
        let mut next = [[0; PARTITIONS as usize]; 3];
        let mut events = Vec::with_capacity(count);
        let mut causes = Vec::with_capacity(count);
        for (_, number) in order {
            let (topic, partition) = (random.usize(..3), random.usize(..PARTITIONS as usize));
            let offset = next[topic][partition];
            next[topic][partition] += 1;
            let causation = match born[number] {
                Some(cause) => Some(respelt(&ids[cause], &mut random)),
                None => random.bool().then(|| ids[number].clone()),
            };
            events.push(Event { id: ids[number].clone(), causation, topic, partition: partition as i32, offset });
            causes.push(born[number].map(|cause| written_as[cause]));
        }
        let topics = ["orders", "payments", "kitchen"].map(|name| format!("{prefix}{name}"));
        Self { topics, events, causes }
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// The edges that the events declare, by coordinates.
    pub fn edges(&self) -> BTreeSet<Edge> {
        let at = |event: &Event| format!("{}/{}/{}", self.topics[event.topic], event.partition, event.offset);
        let effects = self.events.iter().zip(&self.causes);
        effects.filter_map(|(effect, cause)| Some((at(effect), at(&self.events[(*cause)?])))).collect()
    }

    /// How many events say that nothing caused them: their causation id is their own id.
    pub fn own_roots(&self) -> usize {
        self.events.iter().filter(|event| event.causation.as_deref() == Some(&event.id)).count()
    }

    /// How many events name no cause.
    pub fn silent_roots(&self) -> usize {
        self.events.iter().filter(|event| event.causation.is_none()).count()
    }

    /// How many effects are written before their causes.
    pub fn early_effects(&self) -> usize {
        self.causes.iter().enumerate().filter(|(place, cause)| cause.is_some_and(|cause| cause > *place)).count()
    }

    /// Writes a capture in the form of `kcat -J`.
    pub fn capture(&self, file: &Path) {
        let mut out = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
        for (place, event) in self.events.iter().enumerate() {
            let headers: Vec<String> = headers(event).into_iter().flat_map(|(name, value)| [name, value]).collect();
            let line = serde_json::json!({
                "topic": self.topics[event.topic], "partition": event.partition, "offset": event.offset,
                "tstype": "create", "ts": EPOCH_MS + place as i64, "broker": 1,
                "headers": headers, "key": format!("order-{}", place % 1000), "payload": value(place),
            });
            writeln!(out, "{line}").unwrap();
        }
        out.flush().unwrap();
    }

    /// The records of the stream in the order in which they are written, each with the number of its topic.
    pub fn records(&self) -> impl Iterator<Item = (usize, Outgoing)> {
        self.events.iter().enumerate().map(|(place, event)| {
            let headers = headers(event).into_iter().map(|(name, value)| (name, Some(value.into_bytes()))).collect();
            let record = Outgoing {
                partition: event.partition,
                key: Some(format!("order-{}", place % 1000).into_bytes()),
                value: Some(value(place).into_bytes()),
                headers,
                timestamp_ms: None,
            };
            (event.topic, record)
        })
    }

    /// Creates the topics.
    pub fn create_topics(&self, bootstrap: &str) {
        for topic in &self.topics {
            super::produce::create_topic(bootstrap, topic, PARTITIONS);
        }
    }

    /// Writes everything into the topics, which must be empty: offsets are those that [`Self::edges`] names.
    pub fn produce(&self, bootstrap: &str) {
        let writer = Writer::new(bootstrap, "lz4");
        for (topic, record) in self.records() {
            writer.send(&self.topics[topic], &record);
        }
        writer.flush();
    }
}

/// Who caused whom, in the order of birth.
fn family(count: usize, random: &mut fastrand::Rng) -> Vec<Option<usize>> {
    let mut born: Vec<Option<usize>> = Vec::with_capacity(count);
    let mut open: Vec<usize> = Vec::new();
    while born.len() < count {
        // A new root now and then, and whenever all families have died out.
        let parent = if random.u64(..50) == 0 || open.is_empty() {
            born.push(None);
            born.len() - 1
        } else {
            open.swap_remove(random.usize(..open.len()))
        };
        for _ in 0..random.u64(1..=FAN_OUT) {
            if born.len() < count {
                if random.u64(..2) == 0 {
                    open.push(born.len());
                }
                born.push(Some(parent));
            }
        }
    }
    born
}

/// An id in one of the spellings that producers use.
fn id(number: usize, random: &mut fastrand::Rng) -> String {
    let (hi, lo) = (random.u64(..), random.u64(..));
    match number % 3 {
        0 => uuid(hi, lo),
        1 => format!("{hi:016x}{lo:016x}"),
        _ => format!("pizza:{number}-{hi:x}"),
    }
}

/// A version 4 UUID of random bits.
pub fn uuid(hi: u64, lo: u64) -> String {
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        hi >> 32,
        hi >> 16 & 0xffff,
        hi & 0xfff,
        0x8000 | lo >> 48 & 0x3fff,
        lo & 0xffff_ffff_ffff
    )
}

/// UUIDs now and then come in capitals: the same value, and the same cause.
fn respelt(id: &str, random: &mut fastrand::Rng) -> String {
    let is_uuid = id.len() == 36 && id.as_bytes()[8] == b'-' && !id.starts_with("pizza");
    if is_uuid && random.u64(..7) == 0 { id.to_uppercase() } else { id.to_owned() }
}

fn headers(event: &Event) -> Vec<(String, String)> {
    let mut headers = vec![("message-id".to_owned(), event.id.clone())];
    if let Some(causation) = &event.causation {
        headers.push(("causation-id".to_owned(), causation.clone()));
    }
    headers.push(("event-type".to_owned(), ["OrderPlaced", "PaymentTaken", "PizzaBaked"][event.topic].to_owned()));
    headers
}

fn value(place: usize) -> String {
    format!("{{\"n\":{place}}}")
}

#[test]
fn a_seed_is_one_stream_and_the_stream_is_as_wild_as_promised() {
    let (one, same, other) = (Stream::new("", 5_000, 1), Stream::new("", 5_000, 1), Stream::new("", 5_000, 2));
    assert_eq!(one.edges(), same.edges());
    assert_ne!(one.edges(), other.edges());
    assert_eq!(one.len(), 5_000);
    let mut effects = std::collections::BTreeMap::<_, usize>::new();
    for (_, cause) in one.edges() {
        *effects.entry(cause).or_default() += 1;
    }
    assert_eq!(effects.values().copied().collect::<BTreeSet<_>>(), (1..=5).collect());
    assert!(one.early_effects() > 500, "{}", one.early_effects());
    assert!(one.own_roots() > 10 && one.silent_roots() > 10);
    assert_eq!(one.edges().len() + one.own_roots() + one.silent_roots(), one.len());
}

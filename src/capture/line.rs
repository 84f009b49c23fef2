//! One line of a capture, from JSON to what it says.

use super::{CapturedRecord, Line, Reason};
use crate::event::{CommittedOffset, Header, MAX_COMMIT_METADATA_BYTES, Producer, Record, Timestamp, clean, clip};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Bytes of what the JSON reader says about a line: it quotes the line, which is as long as it likes.
const MAX_REASON_BYTES: usize = 200;

/// Text of a line, in place where it holds no escapes.
#[derive(Debug)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InPlace;
        impl<'de> Visitor<'de> for InPlace {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(InPlace)
    }
}

/// A line as it is written. Members that are not named here are ignored.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Written<'a> {
    topic: Option<Text<'a>>,
    partition: Option<i32>,
    offset: Option<i64>,
    ts: Option<i64>,
    headers: Option<Vec<Option<Text<'a>>>>,
    headers_b64: Option<Vec<Option<Text<'a>>>>,
    key: Option<Text<'a>>,
    key_b64: Option<Text<'a>>,
    payload: Option<Text<'a>>,
    payload_b64: Option<Text<'a>>,
    producer: Option<WrittenProducer>,
    captured_ms: Option<i64>,
    aborted: Option<bool>,
    marker: Option<Marker<'a>>,
    commit: Option<Commit<'a>>,
    end: Option<End<'a>>,
}

#[derive(Deserialize)]
struct WrittenProducer {
    id: i64,
    #[serde(default)]
    epoch: i16,
    sequence: Option<i32>,
    #[serde(default)]
    transactional: bool,
}

impl WrittenProducer {
    /// Kafka writes -1 where there is no producer id.
    fn identity(&self) -> Option<Producer> {
        (self.id >= 0).then_some(Producer { id: self.id, epoch: self.epoch, transactional: self.transactional })
    }
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Marker<'a> {
    #[serde(default, deserialize_with = "producer_or_id")]
    producer: Option<WrittenProducer>,
    topic: Text<'a>,
    partition: i32,
    offset: i64,
    commit: bool,
}

/// A marker's producer, or only its id.
fn producer_or_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<WrittenProducer>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Whole(WrittenProducer),
        Id(i64),
    }
    Ok(Option::<Either>::deserialize(deserializer)
        .map_err(|_| D::Error::custom("producer is neither an object nor an id"))?
        .map(|either| match either {
            Either::Whole(producer) => producer,
            // A marker belongs to a transaction.
            Either::Id(id) => WrittenProducer { id, epoch: 0, sequence: None, transactional: true },
        }))
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Commit<'a> {
    group: Text<'a>,
    topic: Text<'a>,
    partition: i32,
    offset: Option<i64>,
    metadata_b64: Option<Text<'a>>,
    ts: Option<i64>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct End<'a> {
    topic: Text<'a>,
    partition: i32,
    start: i64,
    end: i64,
    ts: Option<i64>,
}

/// Memory that is used again from line to line.
#[derive(Default)]
pub struct Room {
    latin: String,
}

impl Room {
    /// Reads `line` and passes on what it says.
    pub fn read(&mut self, line: &[u8], each: &mut dyn FnMut(Line<'_>)) -> Result<(), Reason> {
        let (text, latin) = match std::str::from_utf8(line) {
            Ok(text) => (text, false),
            // `kcat -J` writes bytes as they are: taken as Latin-1, every byte is a character and none is lost.
            Err(_) => {
                self.latin.clear();
                self.latin.extend(line.iter().map(|&byte| byte as char));
                (self.latin.as_str(), true)
            }
        };
        let written: Written<'_> = serde_json::from_str(text).map_err(|error| reason(&error))?;
        match written {
            Written { marker: Some(marker), .. } => each(marker.line()?),
            Written { commit: Some(commit), .. } => each(commit.line()?),
            Written { end: Some(end), .. } => each(end.line()?),
            record => record.record(latin, each)?,
        }
        Ok(())
    }
}

/// What the JSON reader says, without its own line number, bounded and harmless.
fn reason(error: &serde_json::Error) -> Reason {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    Reason::Json(format!("{}, column {}", clean(&clip(what.as_bytes(), MAX_REASON_BYTES)), error.column()))
}

fn not_negative<T: PartialOrd + Default>(number: T, name: &'static str) -> Result<T, Reason> {
    if number < T::default() { Err(Reason::OutOfRange(name)) } else { Ok(number) }
}

/// The largest number has no successor, so no log can hold it.
fn offset(offset: i64) -> Result<i64, Reason> {
    if offset == i64::MAX { Err(Reason::OutOfRange("offset")) } else { not_negative(offset, "offset") }
}

impl Written<'_> {
    fn record(&self, latin: bool, each: &mut dyn FnMut(Line<'_>)) -> Result<(), Reason> {
        let topic = self.topic.as_ref().ok_or(Reason::Missing("topic"))?;
        let partition = not_negative(self.partition.ok_or(Reason::Missing("partition"))?, "partition")?;
        let offset = offset(self.offset.ok_or(Reason::Missing("offset"))?)?;
        let headers = self.headers(latin)?;
        let headers: Vec<Header<'_>> =
            headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
        let key = bytes((&self.key, &self.key_b64), "key_b64", latin)?;
        let value = bytes((&self.payload, &self.payload_b64), "payload_b64", latin)?;
        // Kafka's own sign for "no timestamp".
        let timestamp_ms = self.ts.unwrap_or(-1);
        each(Line::Record(CapturedRecord {
            topic: &topic.0,
            partition,
            record: Record { offset, timestamp_ms, key: key.as_deref(), value: value.as_deref(), headers: &headers },
            producer: self.producer.as_ref().and_then(WrittenProducer::identity),
            sequence: self.producer.as_ref().and_then(|producer| producer.sequence),
            seen: Timestamp::from_millis(self.captured_ms.unwrap_or(timestamp_ms)),
            aborted: self.aborted,
        }));
        Ok(())
    }

    /// Names and values in turn.
    #[expect(clippy::type_complexity, reason = "a list of pairs, used once")]
    fn headers(&self, latin: bool) -> Result<Vec<(Cow<'_, [u8]>, Option<Cow<'_, [u8]>>)>, Reason> {
        let (list, encoded) = match (&self.headers_b64, &self.headers) {
            (Some(list), _) => (list, true),
            (None, Some(list)) => (list, false),
            (None, None) => return Ok(Vec::new()),
        };
        let (pairs, rest) = list.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Reason::Headers);
        }
        pairs
            .iter()
            .map(|[name, value]| {
                let name = plain(name.as_ref().ok_or(Reason::Headers)?, latin);
                let value = match value {
                    None => None,
                    Some(value) if encoded => Some(decoded(value, "headers_b64")?),
                    Some(value) => Some(plain(value, latin)),
                };
                Ok((name, value))
            })
            .collect()
    }
}

impl Marker<'_> {
    fn line(&self) -> Result<Line<'_>, Reason> {
        Ok(Line::Marker {
            producer: self.producer.as_ref().and_then(WrittenProducer::identity),
            topic: &self.topic.0,
            partition: not_negative(self.partition, "partition")?,
            offset: offset(self.offset)?,
            commit: self.commit,
        })
    }
}

impl Commit<'_> {
    fn line(&self) -> Result<Line<'_>, Reason> {
        let offset = self.offset.map(offset).transpose()?;
        let partition = not_negative(self.partition, "partition")?;
        let ts = self.ts.map(|ts| not_negative(ts, "ts")).transpose()?;
        let metadata = self.metadata_b64.as_ref().map(|text| decoded(text, "metadata_b64")).transpose()?;
        let metadata = clip(&metadata.unwrap_or_default(), MAX_COMMIT_METADATA_BYTES).into();
        let (group, topic) = (self.group.0.as_ref().into(), self.topic.0.as_ref().into());
        Ok(Line::Commit {
            commit: CommittedOffset { group, topic, partition, offset, metadata },
            at: ts.map(Timestamp::from_millis),
        })
    }
}

impl End<'_> {
    fn line(&self) -> Result<Line<'_>, Reason> {
        Ok(Line::End {
            topic: &self.topic.0,
            partition: not_negative(self.partition, "partition")?,
            start: not_negative(self.start, "start")?,
            end: not_negative(self.end, "end")?,
            at: self.ts.map(Timestamp::from_millis),
        })
    }
}

/// A key or payload; its base64 form wins.
fn bytes<'a>(
    (text, encoded): (&'a Option<Text<'_>>, &'a Option<Text<'_>>),
    name: &'static str,
    latin: bool,
) -> Result<Option<Cow<'a, [u8]>>, Reason> {
    match (encoded, text) {
        (Some(encoded), _) => decoded(encoded, name).map(Some),
        (None, text) => Ok(text.as_ref().map(|text| plain(text, latin))),
    }
}

fn decoded<'a>(text: &Text<'_>, name: &'static str) -> Result<Cow<'a, [u8]>, Reason> {
    STANDARD.decode(text.0.as_bytes()).map(Cow::Owned).map_err(|_| Reason::NotBase64(name))
}

/// The bytes that a text stands for. In a line taken as Latin-1 each character up to U+00FF is its byte.
fn plain<'a>(text: &'a Text<'_>, latin: bool) -> Cow<'a, [u8]> {
    if !latin || text.0.is_ascii() {
        return Cow::Borrowed(text.0.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.0.len());
    for c in text.0.chars() {
        match u8::try_from(c) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

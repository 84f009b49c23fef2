//! One record by its coordinates, over connections of its own: no group, no session, no more than one answer.

use super::batch::{Found, OldRecords, PlainRecords, Run, Unread};
use super::cluster::{Cluster, Led, LogPoint};
use super::codec::Decompressor;
use super::connection::Connection;
use super::error::{Error, code};
use super::fetch::{self, Answer, Part, Request, SessionMark, Wanted, topic_key};
use super::{Records, Settings};
use crate::event::{GapReason, Producer, Record, TopicPartition};
use crate::telemetry::Counter;
use kafka_protocol::messages::ApiKey;
use std::time::Duration;

/// Most bytes of the answer: one batch, which a broker sends whole even where it is larger.
const ONE_BATCH: i32 = 1 << 20;

/// Why one record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The cluster could not be asked.
    #[error(transparent)]
    Kafka(#[from] Error),
    /// There is no such topic, or the user may not see it.
    #[error("cluster {cluster} shows no topic {topic}; check its spelling, and whether this user may describe it")]
    NoTopic {
        /// The cluster.
        cluster: String,
        /// The topic.
        topic: String,
    },
    /// The topic has fewer partitions.
    #[error("topic {topic} has no partition {partition}: it has {partitions}; check the coordinates")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition that was asked for.
        partition: i32,
        /// How many there are.
        partitions: usize,
    },
    /// Nobody leads the partition, or its leader does not answer.
    #[error("nobody answers for {0}: it has no leader now; try again when its brokers are back")]
    NoLeader(String),
    /// The user may not read the topic.
    #[error(
        "this user may not read topic {0}; it needs the right READ on it (`headwater check` shows what is missing)"
    )]
    NotReadable(String),
    /// Retention has deleted it.
    #[error(
        "{record} is gone: the log begins at offset {log_start} now; what the tap stored of it is all that is left"
    )]
    Retention {
        /// Its coordinates.
        record: String,
        /// First offset that is still there.
        log_start: i64,
    },
    /// The log does not reach so far.
    #[error("{record} is not written yet: the log ends at offset {log_end}; check the offset")]
    BeyondEnd {
        /// Its coordinates.
        record: String,
        /// Next offset that will be written.
        log_end: i64,
    },
    /// A transaction is open there.
    #[error("{0} belongs to a transaction that is still open, or lies behind one; try again when it has ended")]
    Open(String),
    /// No record has this offset.
    #[error("no record lies at {record}: {}; {}", why(*reason), what_to_do(*reason))]
    Nothing {
        /// The coordinates.
        record: String,
        /// Why.
        reason: GapReason,
    },
}

impl ReadError {
    /// True when the record may be there all the same: it is worth another try later.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Kafka(_) | Self::NoLeader(_) | Self::Open(_))
    }
}

fn why(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Compacted => "compaction has removed it",
        GapReason::Control => "the offset holds the marker of a transaction's end",
        GapReason::Aborted => "its transaction was aborted, so nobody who reads committed records sees it",
        GapReason::Corrupt => "its batch does not match its checksum",
        GapReason::UnknownCodec => "its batch is compressed in a way that is not known",
        GapReason::Limit => "its batch is larger than what is read",
        _ => "it cannot be read",
    }
}

fn what_to_do(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Compacted | GapReason::Control | GapReason::Aborted => "ask for a neighbouring offset",
        _ => "look at it with the tools of the broker",
    }
}

/// Reads the record at `offset` of a partition as read_committed readers see it, and calls `each` with it once.
///
/// # Errors
/// Why there is no such record, or why it cannot be read.
pub fn read_record(
    settings: &Settings,
    (topic, partition, offset): (&str, i32, i64),
    each: &mut dyn FnMut(&TopicPartition, Option<Producer>, &Record<'_>),
) -> Result<(), ReadError> {
    let mut cluster = Cluster::new(settings, &settings.stop);
    let led = leader(&mut cluster, settings, (topic, partition))?;
    let record = format!("{topic}/{partition}/{offset}");
    bounds(&mut cluster, &led, (&record, offset))?;
    let mut frame = Vec::new();
    let version = cluster.on(led.leader, |link| fetch(link, &led, offset, &mut frame))?;
    settings.counters.add(Counter::RereadBytes, frame.len() as u64);
    let part = Answer::read(&frame, version).and_then(|answer| {
        let refused = (answer.error != code::NONE).then_some(answer.error);
        let key = topic_key(&led.identity, version);
        let part = answer.parts.into_iter().find(|part| part.topic == key && part.partition == partition);
        Some((refused, part?))
    });
    let Some((refused, part)) = part else {
        let broker = cluster.address(led.leader).unwrap_or_default().to_owned();
        return Err(Error::Malformed { broker, request: "Fetch", reason: "not its form".to_owned() }.into());
    };
    match refused.unwrap_or(part.error) {
        code::NONE => {}
        code::TOPIC_AUTHORIZATION_FAILED => return Err(ReadError::NotReadable(topic.to_owned())),
        code::OFFSET_OUT_OF_RANGE => return Err(ReadError::Nothing { record, reason: GapReason::NotReadable }),
        code => {
            let broker = cluster.address(led.leader).unwrap_or_default().to_owned();
            return Err(Error::Refused { broker, request: "Fetch", code }.into());
        }
    }
    hand_over(&part, offset, &mut |producer, record| each(&led.identity, producer, record))
        .map_err(|reason| ReadError::Nothing { record, reason })
}

fn leader(cluster: &mut Cluster, settings: &Settings, (topic, partition): (&str, i32)) -> Result<Led, ReadError> {
    let topics = cluster.topics()?;
    let Some(found) = topics.into_iter().find(|found| &*found.name == topic) else {
        return Err(ReadError::NoTopic { cluster: settings.cluster.clone(), topic: topic.to_owned() });
    };
    let partitions = found.partitions.len();
    let Some(led) = found.partitions.into_iter().find(|led| led.identity.partition == partition) else {
        return Err(ReadError::NoPartition { topic: topic.to_owned(), partition, partitions });
    };
    match led.leader {
        0.. => Ok(led),
        _ => Err(ReadError::NoLeader(led.identity.to_string())),
    }
}

/// Whether the log holds the offset at all.
fn bounds(cluster: &mut Cluster, led: &Led, (record, offset): (&str, i64)) -> Result<(), ReadError> {
    let one = std::slice::from_ref(led);
    let mut at = |point| -> Result<i64, ReadError> {
        let offsets = cluster.offsets(one, point)?;
        offsets.get(&led.identity).copied().ok_or_else(|| ReadError::NoLeader(led.identity.to_string()))
    };
    let (log_start, stable) = (at(LogPoint::Start)?, at(LogPoint::Stable)?);
    let record = || record.to_owned();
    if offset < log_start {
        return Err(ReadError::Retention { record: record(), log_start });
    }
    if offset < stable {
        return Ok(());
    }
    let log_end = at(LogPoint::End)?;
    Err(if offset >= log_end { ReadError::BeyondEnd { record: record(), log_end } } else { ReadError::Open(record()) })
}

/// Fetches from `offset` on into `frame`, and says in which version.
fn fetch(link: &mut Connection, led: &Led, offset: i64, frame: &mut Vec<u8>) -> Result<i16, Error> {
    let most = if led.identity.has_topic_id() { fetch::MOST } else { fetch::MOST_BY_NAME };
    let version = link.version(ApiKey::Fetch, fetch::LEAST, most).ok_or_else(|| Error::Unsupported {
        broker: link.address.clone(),
        request: "Fetch",
        least: fetch::LEAST,
        most,
    })?;
    link.renew()?;
    let wanted = Wanted { partition: &led.identity, leader_epoch: led.epoch, position: offset, last_epoch: -1 };
    let request = Request {
        version,
        correlation: link.next_correlation(),
        max_wait: Duration::ZERO,
        max_bytes: ONE_BATCH,
        rack: "",
        behind: true,
        // No session: the broker keeps nothing of it.
        session: SessionMark { id: 0, epoch: -1 },
        wanted: &[wanted],
        forgotten: &[],
    };
    let mut bytes = Vec::new();
    request.write(&mut bytes);
    link.send(&bytes)?;
    let length = link.receive(frame, Duration::ZERO)?;
    frame.truncate(length);
    match frame.first_chunk() {
        Some(id) if i32::from_be_bytes(*id) == link.correlation() => Ok(version),
        _ => Err(link.malformed("Fetch", "an answer to another request")),
    }
}

/// Finds the record in the answer.
fn hand_over(
    part: &Part<'_>,
    offset: i64,
    each: &mut dyn FnMut(Option<Producer>, &Record<'_>),
) -> Result<(), GapReason> {
    let mut holds: Option<Run<'_>> = None;
    let unread = Unread { records: part.records, position: offset, end: part.high_watermark, aborted: &part.aborted };
    unread.walk(&mut |run| {
        if run.covers.contains(&offset) && holds.is_none() {
            holds = Some(run);
        }
    });
    let (found, covers) = match holds {
        None => return Err(GapReason::Compacted),
        Some(Run { found: Found::Missing(reason), .. }) => return Err(reason),
        Some(run) => (run.found, offset..offset.saturating_add(1)),
    };
    let mut decompressor = Decompressor::new();
    let mut seen = false;
    let intact = match found {
        Found::Batch(batch) => {
            let plain = decompressor.plain(batch.codec(), batch.payload())?;
            PlainRecords::new(batch, covers, plain).for_each(&mut |record| {
                seen = true;
                each(batch.producer(), record);
            })
        }
        Found::Old(message) => {
            let plain = decompressor.plain(message.codec(), message.payload())?;
            OldRecords::new(message, covers, plain).for_each(&mut |record| {
                seen = true;
                each(None, record);
            })
        }
        Found::Missing(reason) => return Err(reason),
    };
    match (seen, intact) {
        (true, _) => Ok(()),
        (false, true) => Err(GapReason::Compacted),
        (false, false) => Err(GapReason::Corrupt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_ends_with_what_to_do() {
        let record = || "orders/0/7".to_owned();
        let errors = [
            ReadError::NoTopic { cluster: "c".into(), topic: "orders".into() },
            ReadError::NoPartition { topic: "orders".into(), partition: 9, partitions: 3 },
            ReadError::NoLeader("orders/0".into()),
            ReadError::NotReadable("orders".into()),
            ReadError::Retention { record: record(), log_start: 12 },
            ReadError::BeyondEnd { record: record(), log_end: 3 },
            ReadError::Open(record()),
            ReadError::Nothing { record: record(), reason: GapReason::Compacted },
            ReadError::Nothing { record: record(), reason: GapReason::Corrupt },
        ];
        for error in errors {
            assert!(error.to_string().contains("; "), "{error}");
        }
    }
}

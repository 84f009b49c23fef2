//! Fetch requests and answers, versions 4 to 16, by hand: the answer is read in place in the buffer it came in.

use super::batch::AbortedTransaction;
use super::connection::CLIENT_ID;
use super::wire::{Cursor, put_varint};
use crate::event::TopicPartition;
use std::time::Duration;

const API_KEY: i16 = 1;
/// First version with isolation levels (Kafka 0.11).
pub(super) const LEAST: i16 = 4;
/// Beyond it there are only fields for replicas.
pub(super) const MOST: i16 = 16;

/// The last version that names topics by their names.
pub(super) const MOST_BY_NAME: i16 = WITH_TOPIC_IDS - 1;

const WITH_LOG_START: i16 = 5;
/// Fetch sessions (KIP-227).
const WITH_SESSIONS: i16 = 7;
const WITH_LEADER_EPOCH: i16 = 9;
const WITH_RACK: i16 = 11;
/// Compact lengths and tagged fields (KIP-482).
const FLEXIBLE: i16 = 12;
/// Topic ids in place of names (KIP-516).
const WITH_TOPIC_IDS: i16 = 13;
const WITHOUT_REPLICA_ID: i16 = 15;

const READ_COMMITTED: u8 = 1;

/// At the end of the log the broker holds an answer back until it has this much, or until the wait is over: it paces
/// the tap, which costs 0.39 us CPU a record at 5,000 records a second against 3.4 us when each record wakes it.
const PACED_BYTES: i32 = 10_000_000;
/// Most bytes of one partition in one answer, so that one busy partition does not push the others out.
const PARTITION_BYTES: i32 = 1 << 20;
/// Most bytes of one answer.
pub(super) const FETCH_BYTES: i32 = 16 << 20;

/// A fetch session (KIP-227) as the next request names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionMark {
    pub(super) id: i32,
    pub(super) epoch: i32,
}

/// One partition of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) partition: &'a TopicPartition,
    pub(super) leader_epoch: i32,
    pub(super) position: i64,
    /// Leader epoch of the last batch before `position`; negative when it is not known.
    pub(super) last_epoch: i32,
}

/// A fetch request.
pub(super) struct Request<'a> {
    pub(super) version: i16,
    pub(super) correlation: i32,
    pub(super) max_wait: Duration,
    pub(super) max_bytes: i32,
    /// Where the tap stands (KIP-392); empty where it does not say. A leader then names a nearer replica.
    pub(super) rack: &'a str,
    /// Whether data waits already, so that there is nothing to pace.
    pub(super) behind: bool,
    pub(super) session: SessionMark,
    /// Neighbours of one topic share its entry.
    pub(super) wanted: &'a [Wanted<'a>],
    /// Partitions that the session shall forget.
    pub(super) forgotten: &'a [&'a TopicPartition],
}

/// The bytes by which `version` names a topic, in requests and in answers.
pub(super) fn topic_key(partition: &TopicPartition, version: i16) -> &[u8] {
    if version >= WITH_TOPIC_IDS { &partition.topic_id } else { partition.topic.as_bytes() }
}

/// Whether `version` names topics by their id.
pub(super) fn by_topic_id(version: i16) -> bool {
    version >= WITH_TOPIC_IDS
}

impl Request<'_> {
    /// Writes the whole frame, its length in front.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let flexible = self.version >= FLEXIBLE;
        out.clear();
        out.extend([0; 4]);
        out.extend(API_KEY.to_be_bytes());
        out.extend(self.version.to_be_bytes());
        out.extend(self.correlation.to_be_bytes());
        out.extend((CLIENT_ID.len() as i16).to_be_bytes());
        out.extend(CLIENT_ID.as_bytes());
        self.tags(out);
        if self.version < WITHOUT_REPLICA_ID {
            out.extend((-1i32).to_be_bytes());
        }
        out.extend((self.max_wait.as_millis() as i32).to_be_bytes());
        let min_bytes = if self.behind { 1 } else { PACED_BYTES.min(self.max_bytes) };
        out.extend(min_bytes.to_be_bytes());
        out.extend(self.max_bytes.to_be_bytes());
        out.push(READ_COMMITTED);
        if self.version >= WITH_SESSIONS {
            out.extend(self.session.id.to_be_bytes());
            out.extend(self.session.epoch.to_be_bytes());
        }
        self.topics(out, self.wanted, |wanted| wanted.partition, Self::position);
        if self.version >= WITH_SESSIONS {
            self.topics(out, self.forgotten, |&forgotten| forgotten, |_, out, p| out.extend(p.partition.to_be_bytes()));
        }
        if self.version >= WITH_RACK {
            put_length(out, self.rack.len(), flexible, Width::Two);
            out.extend(self.rack.as_bytes());
        }
        self.tags(out);
        let length = (out.len() - 4) as u32;
        out[..4].copy_from_slice(&length.to_be_bytes());
    }

    fn topics<T>(
        &self,
        out: &mut Vec<u8>,
        list: &[T],
        partition: impl Fn(&T) -> &TopicPartition,
        entry: impl Fn(&Self, &mut Vec<u8>, &T),
    ) {
        let flexible = self.version >= FLEXIBLE;
        let same = |a: &T, b: &T| topic_key(partition(a), self.version) == topic_key(partition(b), self.version);
        put_length(out, list.chunk_by(same).count(), flexible, Width::Four);
        for of_topic in list.chunk_by(same) {
            let key = topic_key(partition(&of_topic[0]), self.version);
            if !by_topic_id(self.version) {
                put_length(out, key.len(), flexible, Width::Two);
            }
            out.extend(key);
            put_length(out, of_topic.len(), flexible, Width::Four);
            of_topic.iter().for_each(|item| entry(self, out, item));
            self.tags(out);
        }
    }

    fn position(&self, out: &mut Vec<u8>, wanted: &Wanted<'_>) {
        out.extend(wanted.partition.partition.to_be_bytes());
        if self.version >= WITH_LEADER_EPOCH {
            out.extend(wanted.leader_epoch.to_be_bytes());
        }
        out.extend(wanted.position.to_be_bytes());
        if self.version >= FLEXIBLE {
            // By it the broker sees whether its log still holds what was read (KIP-595).
            out.extend(wanted.last_epoch.to_be_bytes());
        }
        if self.version >= WITH_LOG_START {
            out.extend((-1i64).to_be_bytes());
        }
        out.extend(PARTITION_BYTES.to_be_bytes());
        self.tags(out);
    }

    fn tags(&self, out: &mut Vec<u8>) {
        if self.version >= FLEXIBLE {
            out.push(0);
        }
    }
}

enum Width {
    Two,
    Four,
}

fn put_length(out: &mut Vec<u8>, length: usize, flexible: bool, width: Width) {
    match width {
        _ if flexible => put_varint(out, length as u64 + 1),
        Width::Two => out.extend((length as i16).to_be_bytes()),
        Width::Four => out.extend((length as i32).to_be_bytes()),
    }
}

/// One partition's part of an answer.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// See [`topic_key`].
    pub(super) topic: &'a [u8],
    pub(super) partition: i32,
    pub(super) error: i16,
    pub(super) high_watermark: i64,
    pub(super) last_stable: i64,
    /// First offset of the log; negative when the version does not say.
    pub(super) log_start: i64,
    /// A replica that is nearer than the one that was asked; negative when there is none.
    pub(super) nearer: i32,
    /// What was read is not what the log holds now.
    pub(super) diverging: Option<Divergence>,
    /// Sorted by first offset.
    pub(super) aborted: Vec<AbortedTransaction>,
    pub(super) records: &'a [u8],
}

/// Where a log parts from what was read of it (KIP-595).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Divergence {
    /// Largest epoch that both may share.
    pub(super) epoch: i32,
    /// Where it ends in the log as it is now.
    pub(super) end_offset: i64,
}

/// A fetch answer, read in place.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) correlation: i32,
    pub(super) throttle: Duration,
    pub(super) error: i16,
    pub(super) session: i32,
    pub(super) parts: Vec<Part<'a>>,
}

impl<'a> Answer<'a> {
    /// Reads a frame without its length; `None` when it is not the form of `version`.
    pub(super) fn read(frame: &'a [u8], version: i16) -> Option<Self> {
        Self::parse(frame, version).and_then(|(answer, whole)| whole.then_some(answer))
    }

    /// The partition whose records run over the end of `front`, the first bytes of a frame: with those that are there.
    pub(super) fn overflowing(front: &'a [u8], version: i16) -> Option<Part<'a>> {
        let (mut answer, whole) = Self::parse(front, version)?;
        if whole { None } else { answer.parts.pop() }
    }

    /// The answer, and whether the records of its last part are whole; parts behind it are not looked at if not.
    fn parse(frame: &'a [u8], version: i16) -> Option<(Self, bool)> {
        let flexible = version >= FLEXIBLE;
        let mut cursor = Cursor::new(frame);
        let correlation = cursor.i32()?;
        cursor.skip_tags(flexible)?;
        let throttle = Duration::from_millis(u64::try_from(cursor.i32()?).unwrap_or(0));
        let (error, session) = if version >= WITH_SESSIONS { (cursor.i16()?, cursor.i32()?) } else { (0, 0) };
        let mut answer = Self { correlation, throttle, error, session, parts: Vec::new() };
        for _ in 0..cursor.length(flexible)? {
            let topic = if by_topic_id(version) {
                cursor.take(16)?
            } else {
                let length = if flexible { cursor.length(true)? } else { usize::try_from(cursor.i16()?).ok()? };
                cursor.take(length)?
            };
            for _ in 0..cursor.length(flexible)? {
                let (part, whole) = Part::read(&mut cursor, topic, version)?;
                answer.parts.push(part);
                if !whole {
                    return Some((answer, false));
                }
            }
            cursor.skip_tags(flexible)?;
        }
        cursor.skip_tags(flexible)?;
        Some((answer, true))
    }
}

impl<'a> Part<'a> {
    fn read(cursor: &mut Cursor<'a>, topic: &'a [u8], version: i16) -> Option<(Self, bool)> {
        let flexible = version >= FLEXIBLE;
        let partition = cursor.i32()?;
        let error = cursor.i16()?;
        let high_watermark = cursor.i64()?;
        let last_stable = cursor.i64()?;
        let log_start = if version >= WITH_LOG_START { cursor.i64()? } else { -1 };
        let mut aborted = Vec::new();
        for _ in 0..cursor.length(flexible)? {
            aborted.push(AbortedTransaction { producer_id: cursor.i64()?, first_offset: cursor.i64()? });
            cursor.skip_tags(flexible)?;
        }
        aborted.sort_by_key(|transaction| transaction.first_offset);
        let nearer = if version >= WITH_RACK { cursor.i32()? } else { -1 };
        let length = cursor.length(flexible)?;
        let records = cursor.take_up_to(length);
        let whole = records.len() == length;
        let diverging = if flexible && whole { divergence(cursor)? } else { None };
        let part = Self {
            topic,
            partition,
            error,
            high_watermark,
            last_stable,
            log_start,
            nearer,
            diverging,
            aborted,
            records,
        };
        Some((part, whole))
    }
}

/// Reads a part's tagged fields: number 0 is where the log diverges.
fn divergence(cursor: &mut Cursor<'_>) -> Option<Option<Divergence>> {
    let mut diverging = None;
    for _ in 0..cursor.unsigned_varint()? {
        let tag = cursor.unsigned_varint()?;
        let length = usize::try_from(cursor.unsigned_varint()?).ok()?;
        let mut field = Cursor::new(cursor.take(length)?);
        if tag == 0 {
            diverging =
                Some(Divergence { epoch: field.i32()?, end_offset: field.i64()? }).filter(|d| d.end_offset >= 0);
        }
    }
    Some(diverging)
}

#[cfg(test)]
mod tests;

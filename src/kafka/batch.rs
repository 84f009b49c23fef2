//! Record batches of message format v2 (KIP-98), read in place, and where they lie in an answer.

mod old;

pub(super) use old::{OldMessage, OldRecords};

use super::Records;
use super::wire::Cursor;
use crate::event::{GapReason, Header, Producer, Record};
use std::ops::Range;

/// Base offset (8) and length (4): what the length does not count.
const PREFIX: usize = 12;
/// Where the magic byte lies, in every message format there ever was.
const MAGIC_AT: usize = 16;
/// Bytes before the first record of a v2 batch.
pub(super) const HEADER: usize = 61;
/// Where the part that the CRC covers begins: at the attributes.
const COVERED_AT: usize = 21;
/// Headers of one record that are passed on. The scratch list costs 32 bytes a header, of which two on the wire are
/// enough: without a bound one large batch could ask for sixteen times its size.
pub(super) const HEADERS_MAX: usize = 65_536;

const ATTRIBUTE_CODEC: i16 = 0x07;
const ATTRIBUTE_APPEND_TIME: i16 = 0x08;
const ATTRIBUTE_TRANSACTIONAL: i16 = 0x10;
const ATTRIBUTE_CONTROL: i16 = 0x20;

/// One batch: what its header says, and its records still as they came.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordBatch<'a> {
    pub(super) base_offset: i64,
    /// Kept by compaction even when the last records are gone.
    pub(super) last_offset: i64,
    base_timestamp: i64,
    max_timestamp: i64,
    attributes: i16,
    count: i32,
    producer_id: i64,
    producer_epoch: i16,
    /// That of the broker that took it in; not under the checksum.
    leader_epoch: i32,
    crc: u32,
    covered: &'a [u8],
}

/// What the front of some bytes is.
pub(super) enum Front<'a> {
    /// A whole batch, and the bytes behind it.
    Batch(RecordBatch<'a>, &'a [u8]),
    /// A message of format v0 or v1, perhaps a compressed set of them, and the bytes behind it.
    Old(OldMessage<'a>, &'a [u8]),
    /// The beginning of a batch that the broker cut at its size limit; also the end.
    Cut,
    /// No batch.
    Garbage,
}

impl<'a> RecordBatch<'a> {
    /// Looks at the first batch of `bytes` without touching its records.
    pub(super) fn front(bytes: &'a [u8]) -> Front<'a> {
        let Some(&magic) = bytes.get(MAGIC_AT) else { return Front::Cut };
        let mut prefix = Cursor::new(bytes);
        let (Some(base_offset), Some(length)) = (prefix.i64(), prefix.i32()) else { return Front::Cut };
        let Ok(length) = usize::try_from(length) else { return Front::Garbage };
        let shortest = if magic < 2 { old::SHORTEST } else { HEADER - PREFIX };
        if base_offset < 0 || magic > 2 || length < shortest {
            return Front::Garbage;
        }
        let Some((batch, rest)) = bytes.split_at_checked(PREFIX + length) else { return Front::Cut };
        if magic < 2 {
            return OldMessage::read(batch).map_or(Front::Garbage, |message| Front::Old(message, rest));
        }
        match Self::read(base_offset, batch) {
            Some(batch) => Front::Batch(batch, rest),
            None => Front::Garbage,
        }
    }

    fn read(base_offset: i64, bytes: &'a [u8]) -> Option<Self> {
        let leader_epoch = Cursor::new(bytes.get(PREFIX..)?).i32()?;
        let mut header = Cursor::new(bytes.get(MAGIC_AT + 1..)?);
        let crc = header.i32()? as u32;
        let attributes = header.i16()?;
        let last_delta = header.i32()?;
        let base_timestamp = header.i64()?;
        let max_timestamp = header.i64()?;
        let producer_id = header.i64()?;
        let producer_epoch = header.i16()?;
        let _base_sequence = header.i32()?;
        let count = header.i32()?;
        if last_delta < 0 || count < 0 {
            return None;
        }
        Some(Self {
            base_offset,
            last_offset: base_offset.checked_add(i64::from(last_delta))?,
            base_timestamp,
            max_timestamp,
            attributes,
            count,
            producer_id,
            producer_epoch,
            leader_epoch,
            crc,
            covered: bytes.get(COVERED_AT..)?,
        })
    }

    /// The last offset that the batch at the front of `bytes` speaks for, which need not be whole.
    pub(super) fn last_offset_of(bytes: &'a [u8]) -> Option<i64> {
        let base_offset = Cursor::new(bytes).i64()?;
        match bytes.get(MAGIC_AT)? {
            0 | 1 => Some(base_offset),
            2 => Some(Self::read(base_offset, bytes)?.last_offset),
            _ => None,
        }
    }

    /// Number of the compression codec; 0 is none.
    pub(super) fn codec(&self) -> u8 {
        (self.attributes & ATTRIBUTE_CODEC) as u8
    }

    /// The records, still compressed.
    pub(super) fn payload(&self) -> &'a [u8] {
        self.covered.get(HEADER - COVERED_AT..).unwrap_or_default()
    }

    /// Who wrote it.
    pub(super) fn producer(&self) -> Option<Producer> {
        let transactional = self.has(ATTRIBUTE_TRANSACTIONAL);
        (self.producer_id >= 0).then_some(Producer { id: self.producer_id, epoch: self.producer_epoch, transactional })
    }

    fn is_intact(&self) -> bool {
        crc32c::crc32c(self.covered) == self.crc
    }

    fn has(&self, attribute: i16) -> bool {
        self.attributes & attribute != 0
    }

    /// Whether this control batch aborts its producer's transaction (key: version, then type 0 = abort, 1 = commit).
    fn aborts(&self) -> bool {
        let mut cursor = Cursor::new(self.payload());
        let Some(marker) = RawRecord::read(&mut cursor) else { return false };
        let mut key = Cursor::new(marker.key.unwrap_or_default());
        key.i16().is_some() && key.i16() == Some(0)
    }
}

/// A transaction that was aborted, as a fetch answer lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AbortedTransaction {
    pub(super) producer_id: i64,
    pub(super) first_offset: i64,
}

/// Which producers are inside an aborted transaction, while batches go by in offset order.
struct Aborts<'a> {
    upcoming: std::slice::Iter<'a, AbortedTransaction>,
    open: Vec<i64>,
}

impl Aborts<'_> {
    /// What the bytes of `found` are worth, and the leader epoch that they prove; -1 for none.
    fn judge<'b>(&mut self, found: Found<'b>) -> (Found<'b>, i32) {
        match found {
            Found::Batch(batch) if batch.is_intact() => (self.judge_intact(batch), batch.leader_epoch),
            Found::Old(message) if message.is_intact() => (found, -1),
            _ => (Found::Missing(GapReason::Corrupt), -1),
        }
    }

    fn judge_intact<'b>(&mut self, batch: RecordBatch<'b>) -> Found<'b> {
        while self.upcoming.as_slice().first().is_some_and(|next| next.first_offset <= batch.last_offset) {
            self.open.extend(self.upcoming.next().map(|begun| begun.producer_id));
        }
        if batch.has(ATTRIBUTE_CONTROL) {
            if batch.aborts() {
                self.open.retain(|&id| id != batch.producer_id);
            }
            return Found::Missing(GapReason::Control);
        }
        if batch.has(ATTRIBUTE_TRANSACTIONAL) && self.open.contains(&batch.producer_id) {
            return Found::Missing(GapReason::Aborted);
        }
        Found::Batch(batch)
    }
}

/// What lies at a run of offsets.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'a> {
    Batch(RecordBatch<'a>),
    Old(OldMessage<'a>),
    Missing(GapReason),
}

/// One run of offsets of one partition's answer.
#[derive(Debug, Clone)]
pub(super) struct Run<'a> {
    pub(super) covers: Range<i64>,
    pub(super) found: Found<'a>,
    /// Leader epoch of an intact batch; else -1.
    pub(super) epoch: i32,
}

/// One partition's records as they came, and what is needed to judge them.
pub(super) struct Unread<'a> {
    pub(super) records: &'a [u8],
    /// The offset that was asked for.
    pub(super) position: i64,
    /// The partition's end as the same answer states it. Nothing can lie there, so a batch that claims to is garbage:
    /// its base offset is not under the CRC.
    pub(super) end: i64,
    /// Sorted by first offset.
    pub(super) aborted: &'a [AbortedTransaction],
}

impl<'a> Unread<'a> {
    /// Splits the answer into runs that follow each other from `position` on without a hole, and returns where the
    /// next fetch goes on. Looks at headers and checksums only.
    pub(super) fn walk(&self, each: &mut dyn FnMut(Run<'a>)) -> i64 {
        let mut next = self.position;
        let mut rest = self.records;
        let mut aborts = Aborts { upcoming: self.aborted.iter(), open: Vec::new() };
        let mut emit = |covers: Range<i64>, found, epoch| {
            if !covers.is_empty() {
                each(Run { covers, found, epoch });
            }
        };
        loop {
            let (first, last, behind, lot) = match RecordBatch::front(rest) {
                Front::Batch(batch, behind) => (batch.base_offset, batch.last_offset, behind, Found::Batch(batch)),
                // Where a compressed set begins is not known before it is decompressed.
                Front::Old(set, behind) if set.codec() != 0 && set.offset >= self.end => {
                    (i64::MAX, i64::MAX, behind, Found::Old(set))
                }
                Front::Old(set, behind) if set.codec() != 0 => (next, set.offset, behind, Found::Old(set)),
                Front::Old(one, behind) => (one.offset, one.offset, behind, Found::Old(one)),
                Front::Cut => return next,
                Front::Garbage => (i64::MAX, i64::MAX, rest, Found::Missing(GapReason::Corrupt)),
            };
            rest = behind;
            if last < next {
                continue;
            }
            if first.max(next) >= self.end {
                // One offset is given up, and the rest is asked for again: so a bad batch cannot hold the partition.
                let given_up = next..next.saturating_add(1).min(self.end);
                emit(given_up.clone(), Found::Missing(GapReason::Corrupt), -1);
                return given_up.end.max(next);
            }
            let until = last.saturating_add(1).min(self.end);
            emit(next..first, Found::Missing(GapReason::Compacted), -1);
            let (found, epoch) = aborts.judge(lot);
            emit(next.max(first)..until, found, epoch);
            next = until;
        }
    }
}

/// One record before its headers are read.
struct RawRecord<'a> {
    timestamp_delta: i64,
    offset_delta: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Cursor<'a>,
}

impl<'a> RawRecord<'a> {
    #[inline(always)]
    fn read(records: &mut Cursor<'a>) -> Option<Self> {
        let length = usize::try_from(records.varint()?).ok()?;
        let mut record = Cursor::new(records.take(length)?);
        let _attributes = record.i8()?;
        Some(Self {
            timestamp_delta: record.varint()?,
            offset_delta: record.varint()?,
            key: record.nullable_bytes()?,
            value: record.nullable_bytes()?,
            headers: record,
        })
    }

    /// Fills `into`, and says how many headers were left out.
    #[inline(always)]
    fn headers(mut self, into: &mut Vec<Header<'a>>) -> Option<usize> {
        into.clear();
        let count = usize::try_from(self.headers.varint()?).ok()?;
        for _ in 0..count.min(HEADERS_MAX) {
            let name = self.headers.nullable_bytes()??;
            into.push(Header { name, value: self.headers.nullable_bytes()? });
        }
        Some(count.saturating_sub(HEADERS_MAX))
    }
}

/// The records of one batch after decompression.
pub(super) struct PlainRecords<'a> {
    plain: &'a [u8],
    batch: RecordBatch<'a>,
    covers: Range<i64>,
    /// Headers beyond [`HEADERS_MAX`] of a record, which were not passed on.
    pub(super) headers_cut: u64,
}

impl<'a> PlainRecords<'a> {
    /// Those of `batch` that lie in `covers`; `plain` is its payload without compression.
    pub(super) fn new(batch: RecordBatch<'a>, covers: Range<i64>, plain: &'a [u8]) -> Self {
        Self { plain, batch, covers, headers_cut: 0 }
    }
}

impl Records for PlainRecords<'_> {
    fn for_each(&mut self, each: &mut dyn FnMut(&Record<'_>)) -> bool {
        let append_time = self.batch.has(ATTRIBUTE_APPEND_TIME);
        let mut headers = Vec::new();
        let mut cursor = Cursor::new(self.plain);
        let mut lowest = self.batch.base_offset;
        for _ in 0..self.batch.count {
            let Some(raw) = RawRecord::read(&mut cursor) else { return false };
            let offset = self.batch.base_offset.saturating_add(raw.offset_delta);
            // Offsets that leave the batch or go back would give one name to two records.
            if offset < lowest || offset > self.batch.last_offset {
                return false;
            }
            lowest = offset.saturating_add(1);
            if !self.covers.contains(&offset) {
                continue;
            }
            let timestamp_ms = if append_time {
                self.batch.max_timestamp
            } else {
                self.batch.base_timestamp.wrapping_add(raw.timestamp_delta)
            };
            let (key, value) = (raw.key, raw.value);
            let Some(cut) = raw.headers(&mut headers) else { return false };
            self.headers_cut += cut as u64;
            each(&Record { offset, timestamp_ms, key, value, headers: &headers });
        }
        true
    }
}

#[cfg(test)]
pub(super) mod build;
#[cfg(test)]
mod tests;

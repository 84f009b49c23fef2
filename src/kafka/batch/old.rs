//! Messages of the formats v0 and v1 (before KIP-98), which old topics still hold: one by one, or as a compressed set in
//! the value of a wrapper.

use super::PREFIX;
use crate::event::Record;
use crate::kafka::Records;
use crate::kafka::wire::Cursor;
use std::ops::Range;

/// Shortest message: CRC, magic, attributes, lengths of key and value.
pub(super) const SHORTEST: usize = 14;
/// Offset (8), length (4) and CRC (4): what the CRC does not cover.
const COVERED_AT: usize = PREFIX + 4;

const ATTRIBUTE_CODEC: i8 = 0x07;
const ATTRIBUTE_APPEND_TIME: i8 = 0x08;
/// The timestamp of a record that has none, as in later formats.
const NO_TIMESTAMP: i64 = -1;

/// One message, or a wrapper around a compressed set of them.
#[derive(Debug, Clone, Copy)]
pub(in crate::kafka) struct OldMessage<'a> {
    /// Its own; that of the last message in a set.
    pub(super) offset: i64,
    magic: i8,
    attributes: i8,
    timestamp_ms: i64,
    crc: u32,
    covered: &'a [u8],
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl<'a> OldMessage<'a> {
    /// Reads a message whose bytes are these, offset and length in front.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let offset = cursor.i64()?;
        let _length = cursor.i32()?;
        let crc = cursor.i32()? as u32;
        let magic = cursor.i8()?;
        let attributes = cursor.i8()?;
        let timestamp_ms = match magic {
            0 => NO_TIMESTAMP,
            1 => cursor.i64()?,
            _ => return None,
        };
        let mut nullable = || match cursor.i32()? {
            -1 => Some(None),
            length => cursor.take(usize::try_from(length).ok()?).map(Some),
        };
        let (key, value) = (nullable()?, nullable()?);
        Some(Self { offset, magic, attributes, timestamp_ms, crc, covered: bytes.get(COVERED_AT..)?, key, value })
    }

    /// Number of the compression codec; 0 is none.
    pub(in crate::kafka) fn codec(&self) -> u8 {
        (self.attributes & ATTRIBUTE_CODEC) as u8
    }

    /// What may be compressed: the set in a wrapper.
    pub(in crate::kafka) fn payload(&self) -> &'a [u8] {
        self.value.unwrap_or_default()
    }

    pub(super) fn is_intact(&self) -> bool {
        let mut crc = flate2::Crc::new();
        crc.update(self.covered);
        crc.sum() == self.crc
    }

    fn pass_on(&self, offset: i64, timestamp_ms: i64, each: &mut dyn FnMut(&Record<'_>)) {
        each(&Record { offset, timestamp_ms, key: self.key, value: self.value, headers: &[] });
    }
}

/// The messages in one wrapper, or the one that stands alone.
pub(in crate::kafka) struct OldRecords<'a> {
    outer: OldMessage<'a>,
    covers: Range<i64>,
    plain: &'a [u8],
}

impl<'a> OldRecords<'a> {
    /// Those of `outer` that lie in `covers`; `plain` is its payload without compression.
    pub(in crate::kafka) fn new(outer: OldMessage<'a>, covers: Range<i64>, plain: &'a [u8]) -> Self {
        Self { outer, covers, plain }
    }

    /// What an inner offset counts from: v1 counts from the first of the set (KIP-31), v0 from the start of the log.
    fn base(&self) -> Option<i64> {
        if self.outer.magic == 0 {
            return Some(0);
        }
        let last = Inner(self.plain).last()??.offset;
        self.outer.offset.checked_sub(last)
    }
}

impl Records for OldRecords<'_> {
    fn for_each(&mut self, each: &mut dyn FnMut(&Record<'_>)) -> bool {
        if self.outer.codec() == 0 {
            self.outer.pass_on(self.outer.offset, self.outer.timestamp_ms, each);
            return true;
        }
        let Some(base) = self.base() else { return false };
        let mut lowest = i64::MIN;
        for inner in Inner(self.plain) {
            let Some(message) = inner else { return false };
            let offset = base.saturating_add(message.offset);
            // Offsets that leave the set or go back would give one name to two records.
            if message.codec() != 0 || offset < lowest || offset > self.outer.offset {
                return false;
            }
            lowest = offset.saturating_add(1);
            if self.covers.contains(&offset) {
                let append_time = self.outer.attributes & ATTRIBUTE_APPEND_TIME != 0;
                let time = if append_time { self.outer.timestamp_ms } else { message.timestamp_ms };
                message.pass_on(offset, time, each);
            }
        }
        true
    }
}

/// Messages that lie behind each other; `None` for bytes that are none, and then nothing more.
struct Inner<'a>(&'a [u8]);

impl<'a> Iterator for Inner<'a> {
    type Item = Option<OldMessage<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return None;
        }
        let mut prefix = Cursor::new(bytes);
        let length = prefix.i64().and_then(|_| prefix.i32()).and_then(|length| usize::try_from(length).ok());
        let message = length.and_then(|length| bytes.split_at_checked(PREFIX.saturating_add(length)));
        Some(message.and_then(|(message, behind)| {
            self.0 = behind;
            OldMessage::read(message)
        }))
    }
}

#[cfg(test)]
mod tests;

//! Record batches made by hand, for tests.

use super::{ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL};
use crate::kafka::wire::put_varint;

type Bytes = Option<Vec<u8>>;

/// A message of format v0 or v1 (`magic`), with its offset and length in front.
pub(in crate::kafka) fn old_message(
    magic: u8,
    attributes: u8,
    offset: i64,
    time: i64,
    pair: (Option<&[u8]>, Option<&[u8]>),
) -> Vec<u8> {
    let mut covered = vec![magic, attributes];
    if magic == 1 {
        covered.extend(time.to_be_bytes());
    }
    for bytes in [pair.0, pair.1] {
        covered.extend(bytes.map_or(-1, |bytes| bytes.len() as i32).to_be_bytes());
        covered.extend(bytes.unwrap_or_default());
    }
    let mut crc = flate2::Crc::new();
    crc.update(&covered);
    let mut message = offset.to_be_bytes().to_vec();
    message.extend((covered.len() as i32 + 4).to_be_bytes());
    message.extend(crc.sum().to_be_bytes());
    message.extend(covered);
    message
}

/// `bytes` as gzip.
pub(in crate::kafka) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = flate2::bufread::GzEncoder::new(bytes, flate2::Compression::default());
    std::io::Read::read_to_end(&mut encoder, &mut out).unwrap();
    out
}

/// What a batch of a test says; the defaults are a plain batch of no known producer.
#[derive(Debug, Clone)]
pub(in crate::kafka) struct Build {
    pub(in crate::kafka) base: i64,
    pub(in crate::kafka) attributes: i16,
    pub(in crate::kafka) producer: (i64, i16),
    pub(in crate::kafka) last_delta: Option<i32>,
    /// Offset delta, key, value; each record carries one header besides.
    pub(in crate::kafka) records: Vec<(i64, Bytes, Bytes)>,
}

pub(in crate::kafka) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_signed(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend(bytes.unwrap_or_default());
}

impl Build {
    /// `count` records from `base` on.
    pub(in crate::kafka) fn plain(base: i64, count: i64) -> Self {
        let record = |delta: i64| (delta, Some(format!("k{delta}").into_bytes()), Some(vec![b'v'; 40]));
        Self { base, attributes: 0, producer: (-1, -1), last_delta: None, records: (0..count).map(record).collect() }
    }

    pub(in crate::kafka) fn transactional(base: i64, count: i64, producer: i64) -> Self {
        Self { attributes: ATTRIBUTE_TRANSACTIONAL, producer: (producer, 0), ..Self::plain(base, count) }
    }

    pub(in crate::kafka) fn marker(base: i64, producer: i64, commit: bool) -> Self {
        let key = vec![0, 0, 0, u8::from(commit)];
        Self {
            base,
            attributes: ATTRIBUTE_TRANSACTIONAL | ATTRIBUTE_CONTROL,
            producer: (producer, 0),
            last_delta: None,
            records: vec![(0, Some(key), Some(vec![0; 6]))],
        }
    }

    /// The records' bytes before compression.
    pub(in crate::kafka) fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        for (delta, key, value) in &self.records {
            let mut record = vec![0];
            put_signed(&mut record, *delta);
            put_signed(&mut record, *delta);
            put_nullable(&mut record, key.as_deref());
            put_nullable(&mut record, value.as_deref());
            put_signed(&mut record, 1);
            put_nullable(&mut record, Some(b"name"));
            put_nullable(&mut record, None);
            put_signed(&mut payload, record.len() as i64);
            payload.extend(record);
        }
        payload
    }

    pub(in crate::kafka) fn bytes(&self) -> Vec<u8> {
        self.with_payload(&self.payload())
    }

    /// The batch around a payload that may be compressed.
    pub(in crate::kafka) fn with_payload(&self, payload: &[u8]) -> Vec<u8> {
        let last = self.last_delta.unwrap_or_else(|| self.records.last().map_or(0, |last| last.0 as i32));
        let mut covered = Vec::new();
        covered.extend(self.attributes.to_be_bytes());
        covered.extend(last.to_be_bytes());
        covered.extend(1_700_000_000_000i64.to_be_bytes());
        covered.extend(1_700_000_000_999i64.to_be_bytes());
        covered.extend(self.producer.0.to_be_bytes());
        covered.extend(self.producer.1.to_be_bytes());
        covered.extend(0i32.to_be_bytes());
        covered.extend((self.records.len() as i32).to_be_bytes());
        covered.extend(payload);
        let mut batch = Vec::new();
        batch.extend(self.base.to_be_bytes());
        batch.extend((covered.len() as i32 + 9).to_be_bytes());
        batch.extend(0i32.to_be_bytes());
        batch.push(2);
        batch.extend(crc32c::crc32c(&covered).to_be_bytes());
        batch.extend(covered);
        batch
    }
}

//! Records of `__consumer_offsets`: committed offsets as the group coordinator writes them.
//!
//! `group-coordinator/src/main/resources/common/message/OffsetCommit{Key,Value}.json` of Apache Kafka 4.1. Key and value
//! begin with an int16: the record type, and the version of the value.

use crate::event::{CommittedOffset, Timestamp};

/// Record types of the group coordinator that are known and say nothing about offsets, up to Kafka 4.4.
const OTHER_TYPES: std::ops::RangeInclusive<i16> = 2..=24;

/// What a record of `__consumer_offsets` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorRecord {
    /// A group committed, or its commit was deleted or expired (offset `None`).
    Commit {
        /// The commit.
        commit: CommittedOffset,
        /// When the coordinator took it; `None` for a deletion: the record's own timestamp tells.
        at: Option<Timestamp>,
    },
    /// A record of another known type.
    Other,
    /// A type or version that came after this was written, or no coordinator record at all.
    Unknown,
}

/// Reads one record of `__consumer_offsets`.
pub fn offset_commit(key: Option<&[u8]>, value: Option<&[u8]>) -> CoordinatorRecord {
    let mut key = Fields(key.unwrap_or_default());
    match key.int16() {
        Some(0 | 1) => commit(key, value).unwrap_or(CoordinatorRecord::Unknown),
        Some(kind) if OTHER_TYPES.contains(&kind) => CoordinatorRecord::Other,
        _ => CoordinatorRecord::Unknown,
    }
}

fn commit(mut key: Fields<'_>, value: Option<&[u8]>) -> Option<CoordinatorRecord> {
    let (group, topic, partition) = (key.string()?, key.string()?, key.int32()?);
    let (offset, at) = match value {
        None => (None, None),
        Some(value) => {
            let (offset, at) = committed(Fields(value))?;
            (Some(offset), Some(Timestamp::from_millis(at)))
        }
    };
    let commit = CommittedOffset::new(&group.into(), &topic.into(), partition, offset);
    Some(CoordinatorRecord::Commit { commit, at })
}

/// Offset and commit time in ms of an `OffsetCommitValue`, versions 0 to 4; 4 is the first flexible one.
fn committed(mut value: Fields<'_>) -> Option<(i64, i64)> {
    let version = value.int16().filter(|version| (0..=4).contains(version))?;
    let offset = value.int64().filter(|offset| *offset >= 0)?;
    if version >= 3 {
        value.int32()?; // leader epoch
    }
    if version >= 4 {
        value.compact_string()?
    } else {
        value.string()?
    }; // metadata
    Some((offset, value.int64()?))
}

/// Fields in the order in which they stand.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn int16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn int32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn int64(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn string(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.int16()?).ok()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    /// A length above by one as an unsigned varint of at most five bytes, then the text.
    fn compact_string(&mut self) -> Option<&'a str> {
        let mut len = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            len |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return std::str::from_utf8(self.take(usize::try_from(len.checked_sub(1)?).ok()?)?).ok();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(kind: i16) -> Vec<u8> {
        let mut key = kind.to_be_bytes().to_vec();
        for text in ["billing", "orders"] {
            key.extend((text.len() as i16).to_be_bytes());
            key.extend(text.as_bytes());
        }
        key.extend(3i32.to_be_bytes());
        key
    }

    fn value(version: i16) -> Vec<u8> {
        let mut value = version.to_be_bytes().to_vec();
        value.extend(4711i64.to_be_bytes());
        if version >= 3 {
            value.extend(7i32.to_be_bytes());
        }
        if version >= 4 {
            value.extend([3])
        } else {
            value.extend(2i16.to_be_bytes())
        }
        value.extend(b"md");
        value.extend(1_000i64.to_be_bytes());
        match version {
            1 => value.extend(2_000i64.to_be_bytes()),
            4 => value.extend([0]),
            _ => {}
        }
        value
    }

    fn committed(offset: Option<i64>, at: Option<i64>) -> CoordinatorRecord {
        let commit = CommittedOffset::new(&"billing".into(), &"orders".into(), 3, offset);
        CoordinatorRecord::Commit { commit, at: at.map(Timestamp) }
    }

    #[test]
    fn every_version_of_a_commit_is_read() {
        for version in 0..=4 {
            for kind in [0, 1] {
                let read = offset_commit(Some(&key(kind)), Some(&value(version)));
                assert_eq!(read, committed(Some(4711), Some(1_000_000)), "type {kind} version {version}");
            }
        }
        assert_eq!(offset_commit(Some(&key(1)), None), committed(None, None));
    }

    #[test]
    fn other_types_are_told_from_unknown_ones() {
        assert_eq!(offset_commit(Some(&key(2)), None), CoordinatorRecord::Other);
        for (key, value) in [
            (Some(key(99)), None),
            (Some(key(1)), Some(value(5))),
            (Some(key(1)), Some(value(4)[..12].to_vec())),
            (Some(key(1)[..9].to_vec()), Some(value(3))),
            (Some(vec![0]), None),
            (None, None),
        ] {
            assert_eq!(offset_commit(key.as_deref(), value.as_deref()), CoordinatorRecord::Unknown, "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(key: Option<Vec<u8>>, mut value: Option<Vec<u8>>, version in -1i16..6) {
            let _ = offset_commit(key.as_deref(), value.as_deref());
            if let Some(value) = &mut value {
                value.splice(..value.len().min(2), version.to_be_bytes());
            }
            let _ = offset_commit(Some(&super::tests::key(1)), value.as_deref());
        }
    }
}

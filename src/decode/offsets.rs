//! Records of `__consumer_offsets`: committed offsets as the group coordinator writes them.
//!
//! `group-coordinator/src/main/resources/common/message/OffsetCommit{Key,Value}.json` of Apache Kafka 4.1. Key and value
//! begin with an int16: the record type, and the version of the value.

use super::members::{Member, members};
use crate::event::{CommittedOffset, MAX_COMMIT_METADATA_BYTES, Timestamp, clip};

/// Declares the types of records by their numbers.
macro_rules! record_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// Types of records of the group coordinator, as their keys begin (`CoordinatorRecordType` of Apache Kafka 4.3, and
        /// the numbers that releases before and behind it use). A closed set: what is not in it is counted as unknown.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i16)]
        pub enum RecordType {
            $($(#[$doc])* $name = $number,)*
        }

        impl RecordType {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The type under `number`.
            pub const fn from_number(number: i16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's own name for it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

record_types! {
    /// A commit, as before Kafka 0.9.
    LegacyOffsetCommit = 0, "LegacyOffsetCommit";
    /// A commit.
    OffsetCommit = 1, "OffsetCommit";
    /// A group of the classic protocol.
    GroupMetadata = 2, "GroupMetadata";
    /// A group of KIP-848; 4 to 8 and 16 belong to it.
    ConsumerGroupMetadata = 3, "ConsumerGroupMetadata";
    /// The partitions that it may be given.
    ConsumerGroupPartitionMetadata = 4, "ConsumerGroupPartitionMetadata";
    /// One of its members.
    ConsumerGroupMemberMetadata = 5, "ConsumerGroupMemberMetadata";
    /// The assignment that it shall come to.
    ConsumerGroupTargetAssignmentMetadata = 6, "ConsumerGroupTargetAssignmentMetadata";
    /// One member's part of that.
    ConsumerGroupTargetAssignmentMember = 7, "ConsumerGroupTargetAssignmentMember";
    /// What one member holds.
    ConsumerGroupCurrentMemberAssignment = 8, "ConsumerGroupCurrentMemberAssignment";
    /// The partitions that a share group may be given (previews of KIP-932 only); 10 to 15 belong to it.
    ShareGroupPartitionMetadata = 9, "ShareGroupPartitionMetadata";
    /// One of its members.
    ShareGroupMemberMetadata = 10, "ShareGroupMemberMetadata";
    /// A share group.
    ShareGroupMetadata = 11, "ShareGroupMetadata";
    /// The assignment that it shall come to.
    ShareGroupTargetAssignmentMetadata = 12, "ShareGroupTargetAssignmentMetadata";
    /// One member's part of that.
    ShareGroupTargetAssignmentMember = 13, "ShareGroupTargetAssignmentMember";
    /// What one member holds.
    ShareGroupCurrentMemberAssignment = 14, "ShareGroupCurrentMemberAssignment";
    /// Partitions whose state was begun or is being deleted.
    ShareGroupStatePartitionMetadata = 15, "ShareGroupStatePartitionMetadata";
    /// Topics that a regular expression of a group matched.
    ConsumerGroupRegularExpression = 16, "ConsumerGroupRegularExpression";
    /// A group of Kafka Streams (KIP-1071); 18 to 23 belong to it.
    StreamsGroupMetadata = 17, "StreamsGroupMetadata";
    /// The partitions that it may be given (previews only).
    StreamsGroupPartitionMetadata = 18, "StreamsGroupPartitionMetadata";
    /// One of its members.
    StreamsGroupMemberMetadata = 19, "StreamsGroupMemberMetadata";
    /// The assignment that it shall come to.
    StreamsGroupTargetAssignmentMetadata = 20, "StreamsGroupTargetAssignmentMetadata";
    /// One member's part of that.
    StreamsGroupTargetAssignmentMember = 21, "StreamsGroupTargetAssignmentMember";
    /// What one member holds.
    StreamsGroupCurrentMemberAssignment = 22, "StreamsGroupCurrentMemberAssignment";
    /// Its topology.
    StreamsGroupTopology = 23, "StreamsGroupTopology";
    /// Given out behind Kafka 4.3, and no commit.
    Later = 24, "Later";
}

/// What a record of `__consumer_offsets` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorRecord {
    /// A group committed, or its commit was deleted or expired (offset `None`).
    Commit {
        /// The commit.
        commit: CommittedOffset,
        /// When the coordinator took it; `None` for a deletion, and where no time was written: the record's own timestamp
        /// tells.
        at: Option<Timestamp>,
    },
    /// Who is in a group, bounded in number.
    Members {
        /// The group.
        group: String,
        /// Its members, each kind once.
        members: Vec<Member>,
    },
    /// A record of another known type, or one of members that is not read.
    Other(RecordType),
    /// A type or version that came after this was written, or no coordinator record at all.
    Unknown,
}

/// Reads one record of `__consumer_offsets`.
pub fn offset_commit(key: Option<&[u8]>, value: Option<&[u8]>) -> CoordinatorRecord {
    let mut key = Fields(key.unwrap_or_default());
    match key.int16().and_then(RecordType::from_number) {
        Some(RecordType::LegacyOffsetCommit | RecordType::OffsetCommit) => {
            commit(key, value).unwrap_or(CoordinatorRecord::Unknown)
        }
        Some(other) => match members(other, key, value) {
            Some((group, members)) => CoordinatorRecord::Members { group, members },
            None => CoordinatorRecord::Other(other),
        },
        None => CoordinatorRecord::Unknown,
    }
}

fn commit(mut key: Fields<'_>, value: Option<&[u8]>) -> Option<CoordinatorRecord> {
    let (group, topic) = (key.string()?, key.string()?);
    let partition = key.int32().filter(|partition| *partition >= 0)?;
    let mut commit = CommittedOffset::new(&group.into(), &topic.into(), partition, None);
    let Some(value) = value else { return Some(CoordinatorRecord::Commit { commit, at: None }) };
    let Value { offset, metadata, at } = Value::read(Fields(value))?;
    commit.offset = Some(offset);
    if !metadata.is_empty() {
        commit.metadata = clip(metadata, MAX_COMMIT_METADATA_BYTES).into();
    }
    Some(CoordinatorRecord::Commit { commit, at: (at >= 0).then(|| Timestamp::from_millis(at)) })
}

/// What is used of an `OffsetCommitValue`. The time of expiry of version 1, and the topic id of version 4, follow it.
struct Value<'a> {
    offset: i64,
    metadata: &'a [u8],
    /// Milliseconds.
    at: i64,
}

impl<'a> Value<'a> {
    /// Versions 0 to 4; 4 is the first flexible one.
    fn read(mut value: Fields<'a>) -> Option<Self> {
        let version = value.int16().filter(|version| (0..=4).contains(version))?;
        let offset = value.int64().filter(|offset| *offset >= 0)?;
        if version >= 3 {
            value.int32()?; // leader epoch
        }
        let metadata = if version >= 4 { value.compact_bytes()? } else { value.bytes()? };
        Some(Self { offset, metadata, at: value.int64()? })
    }
}

/// Fields in the order in which they stand.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub fn int16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub fn int32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    pub fn int64(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.int16()?).ok()?;
        self.take(len)
    }

    /// Bytes, or none where their length is -1.
    pub fn or_null(&mut self) -> Option<&'a [u8]> {
        match self.int16()? {
            -1 => Some(&[]),
            len => self.take(usize::try_from(len).ok()?),
        }
    }

    /// The same with the length of compact bytes, where 0 is none.
    pub fn compact_or_null(&mut self) -> Option<&'a [u8]> {
        if self.0.first() == Some(&0) {
            self.take(1)?;
            return Some(&[]);
        }
        self.compact_bytes()
    }

    pub fn string(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A length above by one as an unsigned varint of at most five bytes, then the bytes.
    pub fn compact_bytes(&mut self) -> Option<&'a [u8]> {
        let mut len = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            len |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return self.take(usize::try_from(len.checked_sub(1)?).ok()?);
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
        let mut commit = CommittedOffset::new(&"billing".into(), &"orders".into(), 3, offset);
        commit.metadata = if offset.is_some() { "md".into() } else { "".into() };
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
    fn the_time_of_the_commit_may_be_missing_and_its_metadata_any_bytes_of_any_length() {
        let with = |metadata: &[u8], at: i64| {
            let length = (metadata.len() as i16).to_be_bytes();
            let value = [&[0, 2][..], &7i64.to_be_bytes(), &length, metadata, &at.to_be_bytes()].concat();
            match offset_commit(Some(&key(1)), Some(&value)) {
                CoordinatorRecord::Commit { commit, at } => (commit.metadata.to_string(), at),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(with(b"", -1), (String::new(), None));
        assert_eq!(with(&[0xff, b'a'], i64::MAX), ("\u{fffd}a".to_owned(), Some(Timestamp(i64::MAX))));
        let long = [b'x'; i16::MAX as usize];
        assert_eq!(with(&long, 0).0.len(), long.len());
        let flexible = [&[0, 4][..], &7i64.to_be_bytes(), &[0; 4], &[0x81, 0x80, 0x04], &[b'x'; 1 << 16], &[0; 9]];
        let CoordinatorRecord::Commit { commit, .. } = offset_commit(Some(&key(1)), Some(&flexible.concat())) else {
            panic!("a long one")
        };
        assert_eq!(commit.metadata.len(), MAX_COMMIT_METADATA_BYTES);
    }

    #[test]
    fn a_commit_of_a_real_broker_with_its_topic_id_is_read() {
        let value = [&[0, 4][..], &71i64.to_be_bytes(), &[0xff; 4], &[1], &1_795_226_349_961i64.to_be_bytes()].concat();
        let tagged = [&value[..], &[1, 0, 16], &[9; 16]].concat();
        let CoordinatorRecord::Commit { commit, at } = offset_commit(Some(&key(1)), Some(&tagged)) else {
            panic!("a commit")
        };
        assert_eq!((commit.offset, &*commit.metadata), (Some(71), ""));
        assert_eq!(at, Some(Timestamp::from_millis(1_795_226_349_961)));
    }

    #[test]
    fn other_types_are_told_from_unknown_ones() {
        assert_eq!(RecordType::ALL.len(), 25);
        for (number, record_type) in (0..).zip(RecordType::ALL) {
            assert_eq!((*record_type as i16, RecordType::from_number(number)), (number, Some(*record_type)));
            if number >= 2 {
                assert_eq!(offset_commit(Some(&key(number)), None), CoordinatorRecord::Other(*record_type));
            }
        }
        assert_eq!(RecordType::StreamsGroupTopology.as_str(), "StreamsGroupTopology");
        let mut negative = key(1);
        negative.splice(negative.len() - 4.., [0xff; 4]);
        for (key, value) in [
            (Some(key(25)), None),
            (Some(key(-1)), None),
            (Some(key(1)), Some(value(5))),
            (Some(key(1)), Some(value(-1))),
            (Some(key(1)), Some(value(4)[..12].to_vec())),
            (Some(key(1)), Some([&[0, 0][..], &[0xff; 8], &[0; 10]].concat())),
            (Some(key(1)[..9].to_vec()), Some(value(3))),
            (Some(negative), Some(value(3))),
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

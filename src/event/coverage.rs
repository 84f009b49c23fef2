//! What was seen of a partition, and why the rest was not.

use super::Ordinal;

/// Why an offset was not seen as a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum GapReason {
    /// A transaction marker.
    Control = 0,
    /// A record of an aborted transaction.
    Aborted = 1,
    /// Removed by compaction: the log itself has a hole.
    Compacted = 2,
    /// Removed or a transaction's, which the source cannot tell apart.
    CompactedOrTransactional = 3,
    /// Deleted by retention before the tap could read it.
    Retention = 4,
    /// The tap may not read it.
    NotReadable = 5,
    /// A named limit of the tap was reached.
    Limit = 6,
    /// The batch's checksum or form is wrong.
    Corrupt = 7,
    /// Taken back by the broker after an unclean election.
    Truncated = 8,
    /// Held back by an open transaction.
    BlockedByTransaction = 9,
    /// Compressed by a codec that the tap does not know.
    UnknownCodec = 10,
    /// Read before: a replay or a second import.
    SeenBefore = 11,
}

impl GapReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Control,
        Self::Aborted,
        Self::Compacted,
        Self::CompactedOrTransactional,
        Self::Retention,
        Self::NotReadable,
        Self::Limit,
        Self::Corrupt,
        Self::Truncated,
        Self::BlockedByTransaction,
        Self::UnknownCodec,
        Self::SeenBefore,
    ];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Aborted => "aborted",
            Self::Compacted => "compacted",
            Self::CompactedOrTransactional => "compacted_or_transactional",
            Self::Retention => "retention",
            Self::NotReadable => "not_readable",
            Self::Limit => "limit",
            Self::Corrupt => "corrupt",
            Self::Truncated => "truncated",
            Self::BlockedByTransaction => "blocked_by_transaction",
            Self::UnknownCodec => "unknown_codec",
            Self::SeenBefore => "seen_before",
        }
    }
}

/// The whole coverage of one partition as it stands; written anew whenever it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow {
    /// The partition.
    pub ordinal: Ordinal,
    /// Where reading began.
    pub first_offset: i64,
    /// Where reading goes on: everything in `first_offset..next_offset` is seen or missing.
    pub next_offset: i64,
    /// First offset of the log when reading began.
    pub log_start: i64,
    /// Records seen.
    pub seen: i64,
    /// Offsets missing, by [`GapReason`] number. `SeenBefore` counts records that came again; they are not missing.
    pub missing: [i64; GapReason::ALL.len()],
}

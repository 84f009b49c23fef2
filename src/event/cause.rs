//! Why we believe that one event caused another, and what we know of an event's cause.

use super::{EventRef, Identifier};

/// Settled events of one topic and type that are looked at to tell whether an unlinked one has lost its context.
pub const LINEAGE_WINDOW: usize = 1_000;
/// Events needed before anything is said of it.
pub const LINEAGE_LEAST: u32 = 50;
/// Share in percent of caused events from which an unlinked one has lost its context.
pub const LINEAGE_CAUSED_PERCENT: u32 = 95;

/// Why an edge *effect <- cause* is believed. Numbers are stored; within a class the lower is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Evidence {
    /// The record names topic, partition and offset of the record it is a retry or dead letter of.
    FailureCoordinates = 0,
    /// The record names the id of the event that caused it.
    CausationId = 1,
    /// A reply names the request it answers.
    Reply = 2,
    /// The record names the span of the record that caused it.
    ParentSpan = 3,
    /// The record is a copy of another under the same id.
    Forward = 4,
    /// A depth counter and a root id leave one candidate.
    Depth = 5,
    /// Outputs and offset commits of one Kafka transaction.
    Transaction = 6,
    /// Same trace, learned order of topics and types.
    TraceOrder = 7,
    /// A failure that names nothing has the value of this record, byte for byte.
    SameValue = 8,
}

/// The three classes of evidence. They never share a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvidenceClass {
    /// The record itself says so.
    Declared,
    /// The log proves it.
    Transactional,
    /// Concluded from other records.
    Inferred,
}

impl Evidence {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::FailureCoordinates,
        Self::CausationId,
        Self::Reply,
        Self::ParentSpan,
        Self::Forward,
        Self::Depth,
        Self::Transaction,
        Self::TraceOrder,
        Self::SameValue,
    ];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailureCoordinates => "failure_coordinates",
            Self::CausationId => "causation_id",
            Self::Reply => "reply",
            Self::ParentSpan => "parent_span",
            Self::Forward => "forward",
            Self::Depth => "depth",
            Self::Transaction => "transaction",
            Self::TraceOrder => "trace_order",
            Self::SameValue => "same_value",
        }
    }

    /// The class that the evidence belongs to.
    pub const fn class(self) -> EvidenceClass {
        match self {
            Self::Transaction => EvidenceClass::Transactional,
            Self::TraceOrder | Self::SameValue => EvidenceClass::Inferred,
            _ => EvidenceClass::Declared,
        }
    }
}

/// One edge of the graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CauseRow {
    /// The event that was caused.
    pub effect: EventRef,
    /// The event that caused it.
    pub cause: EventRef,
    /// Why this is believed.
    pub evidence: Evidence,
    /// 1.0 for certain edges, else below 1.
    pub confidence: f32,
}

/// What is known of an event's cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// The event says itself that nothing caused it: depth 0, or its causation id is its own id.
    Root,
    /// Its cause is known, declared or proved.
    Caused,
    /// Its cause was concluded.
    Inferred,
    /// It names no cause and none was inferred; not the same as a root.
    Unlinked,
    /// It named a cause that was not seen yet; `blocked` when a partition holds the barrier back.
    Waiting {
        /// The barrier cannot pass for now.
        blocked: bool,
    },
    /// The cause it named is not there. Retracted when the cause turns up after all.
    Orphaned(OrphanReason),
}

impl Resolution {
    /// Number in the database.
    pub const fn number(self) -> i8 {
        match self {
            Self::Root => 0,
            Self::Caused => 1,
            Self::Inferred => 2,
            Self::Unlinked => 3,
            Self::Waiting { .. } => 4,
            Self::Orphaned(_) => 5,
        }
    }

    /// The names in the SQL contract, by number.
    pub const NAMES: [&'static str; 6] = ["root", "caused", "inferred", "unlinked", "waiting", "orphaned"];

    /// Number of the orphan reason in the database, where there is one.
    pub const fn reason_number(self) -> Option<i8> {
        match self {
            Self::Orphaned(reason) => Some(reason as i8),
            Self::Waiting { blocked: true } => Some(OrphanReason::NAMES.len() as i8 - 1),
            _ => None,
        }
    }

    /// The resolution that two numbers stand for; an unknown number reads as unlinked.
    pub fn from_numbers(resolution: i8, reason: Option<i8>) -> Self {
        match resolution {
            0 => Self::Root,
            1 => Self::Caused,
            2 => Self::Inferred,
            4 => Self::Waiting { blocked: reason.is_some() },
            5 => Self::Orphaned(reason.and_then(OrphanReason::from_number).unwrap_or(OrphanReason::NeverSeen)),
            _ => Self::Unlinked,
        }
    }
}

/// A cause that is named by an id and is not in memory: it may lie in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostCause {
    /// The event that names it.
    pub effect: EventRef,
    /// The id.
    pub id: Identifier,
    /// True when it is the id that a request shares with its reply, and not an id of the cause's own.
    pub request: bool,
}

/// What asking the database for a [`LostCause`] has given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundCause {
    /// The event that names the cause.
    pub effect: EventRef,
    /// The cause and its conversation; `None` when the database does not have it.
    pub cause: Option<(EventRef, EventRef)>,
}

/// Why a named cause is not there. A closed set: dashboards group by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OrphanReason {
    /// It may lie before the offset at which the tap began to read.
    BeforeStart = 0,
    /// It lies on a topic that the tap was told not to read.
    NotTapped = 1,
    /// Retention deleted it before the tap came.
    Retention = 2,
    /// Compaction removed it.
    Compaction = 3,
    /// It lies where the tap may not read.
    NotReadable = 4,
    /// It lies on another cluster.
    OtherCluster = 5,
    /// Its producer read uncommitted records.
    ReadUncommitted = 6,
    /// Everything it could lie on was read, and it was not there.
    NeverSeen = 7,
    /// The chain ends in an event that lost its context.
    ContextLost = 8,
    /// Several different events carry the id.
    AmbiguousId = 9,
    /// The id could not be understood.
    MalformedId = 10,
}

impl OrphanReason {
    /// The names in the SQL contract, by number; the last one belongs to waiting events only.
    pub const NAMES: [&'static str; 12] = [
        "before_start",
        "not_tapped",
        "retention",
        "compaction",
        "not_readable",
        "other_cluster",
        "read_uncommitted",
        "never_seen",
        "context_lost",
        "ambiguous_id",
        "malformed_id",
        "barrier_blocked",
    ];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The reason under `number`.
    pub const fn from_number(number: i8) -> Option<Self> {
        Some(match number {
            0 => Self::BeforeStart,
            1 => Self::NotTapped,
            2 => Self::Retention,
            3 => Self::Compaction,
            4 => Self::NotReadable,
            5 => Self::OtherCluster,
            6 => Self::ReadUncommitted,
            7 => Self::NeverSeen,
            8 => Self::ContextLost,
            9 => Self::AmbiguousId,
            10 => Self::MalformedId,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_resolutions_translate_both_ways() {
        let mut all = vec![
            Resolution::Root,
            Resolution::Caused,
            Resolution::Inferred,
            Resolution::Unlinked,
            Resolution::Waiting { blocked: false },
            Resolution::Waiting { blocked: true },
        ];
        all.extend((0..11).filter_map(OrphanReason::from_number).map(Resolution::Orphaned));
        assert_eq!(all.len(), 17);
        for resolution in all {
            assert_eq!(Resolution::from_numbers(resolution.number(), resolution.reason_number()), resolution);
        }
    }
}

//! Evidenced failures: dead letters, retries, faults.

use super::{EventRef, Evidence, OrphanReason, Timestamp};

/// What kind of failure a record is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// A consumer gave up.
    DeadLetter,
    /// A consumer will try again.
    Retry,
    /// A fault or error event.
    Fault,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DeadLetter, Self::Retry, Self::Fault];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead_letter",
            Self::Retry => "retry",
            Self::Fault => "fault",
        }
    }
}

/// How much of the words of errors is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailureText {
    /// Nothing: class and signature tell failures apart.
    None,
    /// The error's own words, bounded, without what looks like a secret.
    #[default]
    Masked,
    /// The error's own words, bounded.
    Full,
}

/// Where a failure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureState {
    /// It will be tried again.
    Retrying,
    /// Nobody will try it again.
    Dead,
    /// A later attempt succeeded.
    Healed,
}

impl FailureState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Retrying, Self::Dead, Self::Healed];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retrying => "retrying",
            Self::Dead => "dead",
            Self::Healed => "healed",
        }
    }
}

/// Why a group is believed to be the one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum GroupEvidence {
    /// The record names it.
    Named = 0,
    /// The name of a topic tells: of the failure's topic, or of a retry topic that only one group reads.
    Topic = 1,
    /// No other group reads the topic of the origin.
    Ledger = 2,
}

impl GroupEvidence {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Named, Self::Topic, Self::Ledger];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Topic => "topic",
            Self::Ledger => "ledger",
        }
    }
}

/// What shows that a failure healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum HealedEvidence {
    /// The event was given to the group again after it had given up, and no failure followed.
    Redrive = 0,
    /// Its retries were consumed, and no failure followed.
    LaterSuccess = 1,
    /// The usual effects of the event came after the failure; weaker than the others.
    Effects = 2,
}

impl HealedEvidence {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Redrive, Self::LaterSuccess, Self::Effects];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::LaterSuccess => "later_success",
            Self::Effects => "effects",
        }
    }
}

/// The record that a failure record names as the one that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Topic of the record that failed.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

/// What a record says about a failure. Names and texts are bounded where they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureNotice {
    /// Dead letter, retry or fault.
    pub kind: FailureKind,
    /// Coordinates of the record that failed first, where the record names them.
    pub origin: Option<Origin>,
    /// The topic of the origin, where that is all the record names.
    pub origin_topic: Option<String>,
    /// Whether the record is known to name the wrong one now and then.
    pub doubtful: bool,
    /// The consumer group that failed, where the record names it.
    pub group: Option<String>,
    /// Attempts already made, where the record counts them.
    pub attempt: Option<i32>,
    /// Class or code of the error.
    pub error_class: Option<String>,
    /// Message of the error.
    pub error_message: Option<String>,
}

/// A failure that names neither coordinates nor an id that is there: where it came from has to be sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BareFailure {
    /// The failure record.
    pub reference: EventRef,
    /// The topic that it came from, as far as a name tells; there may be no such topic.
    pub topic: Option<String>,
}

/// What seeking the origin of a [`BareFailure`] has given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sought {
    /// The failure record.
    pub failure: EventRef,
    /// Its origin and the confidence in it, always below 1; `None` where nothing says enough.
    pub origin: Option<(EventRef, f32)>,
    /// Whether a limit left out what might have been the origin.
    pub cut: bool,
}

/// One failure record with its way back to the root.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureRow {
    /// The failure record itself.
    pub reference: EventRef,
    /// Dead letter, retry or fault.
    pub kind: FailureKind,
    /// Where it stands.
    pub state: FailureState,
    /// The record that failed, seen or only named.
    pub origin: Option<EventRef>,
    /// Why `origin` is believed.
    pub origin_evidence: Option<Evidence>,
    /// 1.0 when certain.
    pub origin_confidence: Option<f32>,
    /// Topic of the origin.
    pub origin_topic: Option<String>,
    /// Partition of the origin.
    pub origin_partition: Option<i32>,
    /// Offset of the origin.
    pub origin_offset: Option<i64>,
    /// The event that everything started with, once it is known.
    pub root: Option<EventRef>,
    /// The group that failed.
    pub consumer_group: Option<String>,
    /// Why that is believed.
    pub group_evidence: Option<GroupEvidence>,
    /// Where it is not known: which groups it can be, by name.
    pub candidate_groups: Vec<String>,
    /// Attempts made.
    pub attempt: Option<i32>,
    /// Class or code of the error.
    pub error_class: Option<String>,
    /// Message of the error, bounded.
    pub error_message: Option<String>,
    /// Same failure, other ids: class, message template, group, topic and type.
    pub signature: String,
    /// The record's own time.
    pub time: Timestamp,
    /// Why the way back to the root is broken, when it is.
    pub orphan_reason: Option<OrphanReason>,
    /// The event that shows the failure healed.
    pub healed_by: Option<EventRef>,
    /// Why that shows it.
    pub healed_evidence: Option<HealedEvidence>,
    /// When it was found to stand as it does: the time of what was read last then.
    pub changed_at: Timestamp,
    /// When the tap read the failure record.
    pub seen_time: Timestamp,
    /// When its origin was read, where it was seen, else `seen_time`: it counts in the minute of this.
    pub counted_time: Timestamp,
    /// Profile of its origin, where it was seen: it counts under this.
    pub counted_profile: Option<i32>,
    /// Profile of `root`, where that was seen.
    pub root_profile: Option<i32>,
}

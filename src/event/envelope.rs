//! What records say about themselves, as decoded: one small plain row a record, text beside it.

use super::{
    Arena, FailureNotice, GapReason, GroupClient, Identifier, LoggedCommit, Origin, Producer, Span, Timestamp,
    TopicPartition, TraceContext,
};
use std::ops::Range;
use std::sync::Arc;

/// What a record is. A closed set: dashboards group by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Something happened.
    Event = 0,
    /// Something shall happen.
    Command = 1,
    /// The answer to a request.
    Reply = 2,
    /// A record that will be tried again.
    Retry = 3,
    /// A record that a consumer gave up on.
    DeadLetter = 4,
    /// A fault or error event.
    Fault = 5,
    /// An unchanged copy on another topic.
    Forward = 6,
    /// A row change captured from a database.
    Change = 7,
    /// A record of Kafka itself, of a framework or of a tool.
    Internal = 8,
}

impl Kind {
    /// The names in the SQL contract, by number.
    pub const NAMES: [&'static str; 9] =
        ["event", "command", "reply", "retry", "dead_letter", "fault", "forward", "change", "internal"];

    /// The name in the SQL contract.
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// True for what repeats another record under its id: a retry or a dead letter.
    pub const fn is_copy(self) -> bool {
        matches!(self, Self::Retry | Self::DeadLetter)
    }

    /// The kind under `number`; an unknown number reads as an event.
    pub const fn from_number(number: i8) -> Self {
        match number {
            1 => Self::Command,
            2 => Self::Reply,
            3 => Self::Retry,
            4 => Self::DeadLetter,
            5 => Self::Fault,
            6 => Self::Forward,
            7 => Self::Change,
            8 => Self::Internal,
            _ => Self::Event,
        }
    }
}

/// What repeats from record to record: kept once, and named by a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Profile {
    /// Event type; empty where the record names none.
    pub kind: String,
    /// Source; empty where the record names none.
    pub source: String,
    /// Version of the event or its schema; empty where the record names none.
    pub version: String,
    /// The convention that gave the id or type, such as `cloudevents-binary`; empty when none was recognised.
    pub convention: String,
}

/// One record's envelope.
#[derive(Debug, Clone, Copy)]
pub struct Envelope {
    /// Offset in its partition.
    pub offset: i64,
    /// The record's timestamp.
    pub record_time: Timestamp,
    /// The event's own time: CloudEvents time, else the envelope's, else the record's timestamp.
    pub time: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// It says itself that nothing caused it.
    pub says_root: bool,
    /// The value is null.
    pub tombstone: bool,
    /// Index into [`Envelopes::profiles`].
    pub profile: u32,
    /// Its own id.
    pub id: Option<Identifier>,
    /// The id of the event that caused it.
    pub causation: Option<Identifier>,
    /// The id that all events of its business flow share.
    pub correlation: Option<Identifier>,
    /// Text of `id`, `causation` and `correlation` where [`super::Spelling::Text`].
    pub texts: [Span; 3],
    /// Its trace, and the span of whoever sent it.
    pub trace: Option<TraceContext>,
    /// Keyed hash of the record key.
    pub key_hash: Option<u64>,
    /// Size of the key in bytes.
    pub key_bytes: i32,
    /// Size of the value in bytes.
    pub value_bytes: i32,
    /// Index into [`Envelopes::notices`].
    pub notice: Option<u32>,
    /// Index into [`Envelopes::extras`].
    pub extra: Option<u32>,
}

/// What few records say beyond their envelope.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extra {
    /// The id that a request shares with its reply.
    pub request: Option<Identifier>,
    /// Further ids that only the events of one flow share: other traces that the record names, the id of its root.
    pub shared: Vec<Identifier>,
    /// Facts to keep.
    pub attributes: Vec<Attribute>,
    /// The record of its own topic that it gives to its readers once more: headers of the failure of that one are left on it.
    pub again: Option<Origin>,
    /// It names a trace, and none that can be read.
    pub malformed_trace: bool,
    /// It names several traces or spans under one name: whoever wrote it adds to what is there.
    pub appended_trace: bool,
}

/// One fact of an event beyond its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// What it is called.
    pub name: Arc<str>,
    /// What it says.
    pub value: AttributeValue,
}

/// The value of an [`Attribute`].
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// A text, bounded where it is read.
    Text(String),
    /// A number.
    Number(f64),
}

/// A run of offsets of one partition, in order.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The partition.
    pub partition: Arc<TopicPartition>,
    /// Who wrote it; `None` without a producer id.
    pub producer: Option<Producer>,
    /// The offsets that this segment speaks for.
    pub covers: Range<i64>,
    /// Its rows in [`Envelopes::rows`].
    pub rows: Range<u32>,
    /// Why the offsets of `covers` that have no row are missing.
    pub missing: GapReason,
}

/// Where reading of a partition begins.
#[derive(Debug, Clone)]
pub struct Start {
    /// The partition.
    pub partition: Arc<TopicPartition>,
    /// First offset of its log at that moment.
    pub log_start: i64,
    /// The offset that is read first.
    pub position: i64,
    /// The log was cut here: what was read from `position` on is no longer in it, and its offsets name other records now.
    pub cut: bool,
}

/// What could not be understood, by reason. A closed set: each is counted and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Undecoded {
    /// A `traceparent` that breaks the rules of W3C Trace Context.
    MalformedTrace = 0,
    /// An id that is empty, longer than the limit or no text.
    MalformedId = 1,
    /// A time that could not be read.
    MalformedTime = 2,
    /// Origin coordinates of which one could not be read.
    MalformedCoordinates = 3,
    /// A body that begins as JSON and is none.
    MalformedBody = 4,
    /// A body that needs a schema registry.
    NeedsSchema = 5,
    /// A text that was cut at its limit.
    Clipped = 6,
    /// An event that shares its record with others: only the first of a record is read.
    Batched = 7,
    /// A secret in the words of an error: it was masked.
    SecretsMasked = 8,
}

impl Undecoded {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::MalformedTrace,
        Self::MalformedId,
        Self::MalformedTime,
        Self::MalformedCoordinates,
        Self::MalformedBody,
        Self::NeedsSchema,
        Self::Clipped,
        Self::Batched,
        Self::SecretsMasked,
    ];

    /// The name of the counter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedTrace => "malformed_trace",
            Self::MalformedId => "malformed_id",
            Self::MalformedTime => "malformed_time",
            Self::MalformedCoordinates => "malformed_coordinates",
            Self::MalformedBody => "malformed_body",
            Self::NeedsSchema => "needs_schema",
            Self::Clipped => "clipped",
            Self::Batched => "batched",
            Self::SecretsMasked => "secrets_masked",
        }
    }
}

/// Everything that one read gave: the unit that travels from a fetch thread to the core.
#[derive(Debug, Clone, Default)]
pub struct Envelopes {
    /// When the tap read it.
    pub seen: Timestamp,
    /// Partitions whose reading begins with this read.
    pub starts: Vec<Start>,
    /// Runs of offsets, in the order in which they were read.
    pub segments: Vec<Segment>,
    /// One row a record, in segment order.
    pub rows: Vec<Envelope>,
    /// Types, sources, versions and conventions that `rows` name.
    pub profiles: Vec<Profile>,
    /// What the failure records among `rows` say.
    pub notices: Vec<FailureNotice>,
    /// What few of `rows` say beyond their envelope.
    pub extras: Vec<Extra>,
    /// Committed offsets, where the cluster's log of them is read.
    pub commits: Vec<LoggedCommit>,
    /// What members of groups call themselves, where that log is read.
    pub clients: Vec<GroupClient>,
    /// Text of ids that are not their own value.
    pub arena: Arena,
    /// What was not understood, by [`Undecoded`] number.
    pub undecoded: [u64; Undecoded::ALL.len()],
}

impl Envelopes {
    /// True when it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.starts.is_empty() && self.commits.is_empty() && self.clients.is_empty()
    }
}

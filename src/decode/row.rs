//! What a row of a convention can say.

use crate::event::Kind;

/// One field at one place, as one convention writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it lies.
    pub location: Location,
    /// What it says.
    pub field: Field,
    /// How it is written.
    pub encoding: Encoding,
    /// Which occurrence counts when the name repeats.
    pub occurrence: Occurrence,
    /// What the value has to be; others say nothing.
    pub only: Option<Says>,
    /// Values that say nothing, such as a default that every record carries.
    pub ignore: Vec<String>,
    /// Under which name it is kept, for [`Field::Attribute`] and [`Field::Noted`].
    pub label: String,
}

/// Where a field lies. A row names all spellings that the convention allows, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A header of one of these names.
    Header(Vec<String>),
    /// A member of the JSON body: the spellings of each level, all combinations. `*` is any element of a list.
    Body(Vec<Vec<String>>),
    /// A field of the Protocol Buffers message in the record key.
    KeyField(u32),
}

/// What a value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// The record's own event id.
    Id = 0,
    /// The id of the event that caused it.
    CausationId = 1,
    /// The id that all events of one business flow share.
    CorrelationId = 2,
    /// The id of the event with which the flow began.
    RootId = 3,
    /// The correlation id of the event that caused it.
    ParentCorrelationId = 4,
    /// The id that a request and its reply share, and nothing else.
    RequestId = 5,
    /// The id of the event whose failure the record reports.
    FailedId = 6,
    /// Steps from the event with which the flow began.
    Depth = 7,
    /// Where the answer is to go: the record is a request.
    ReplyTo = 8,
    /// Type of the event.
    Type = 9,
    /// Who wrote it.
    Source = 10,
    /// Version of the event or its schema.
    Version = 11,
    /// When it happened.
    Time = 12,
    /// What it is: event, command, reply, change or fault.
    Kind = 13,
    /// The trace, and the span of the sender.
    Trace = 14,
    /// The trace alone, where span and trace are written apart.
    TraceId = 15,
    /// The upper half of [`Field::TraceId`].
    TraceHigh = 16,
    /// The span alone.
    SpanId = 17,
    /// Topic of the record that failed.
    OriginTopic = 18,
    /// Its partition.
    OriginPartition = 19,
    /// Its offset.
    OriginOffset = 20,
    /// The group that failed.
    Group = 21,
    /// Attempts made.
    Attempts = 22,
    /// Class or code of the error.
    ErrorClass = 23,
    /// Message of the error.
    ErrorMessage = 24,
    /// Where the data lies that the record only points at.
    ClaimCheck = 25,
    /// A business field that the configuration asks to keep.
    Attribute = 26,
    /// Known, and of no use to the graph: shown by `explain` alone.
    Noted = 27,
}

impl Field {
    /// All fields, in the order of their numbers.
    pub const ALL: [Self; 28] = [
        Self::Id,
        Self::CausationId,
        Self::CorrelationId,
        Self::RootId,
        Self::ParentCorrelationId,
        Self::RequestId,
        Self::FailedId,
        Self::Depth,
        Self::ReplyTo,
        Self::Type,
        Self::Source,
        Self::Version,
        Self::Time,
        Self::Kind,
        Self::Trace,
        Self::TraceId,
        Self::TraceHigh,
        Self::SpanId,
        Self::OriginTopic,
        Self::OriginPartition,
        Self::OriginOffset,
        Self::Group,
        Self::Attempts,
        Self::ErrorClass,
        Self::ErrorMessage,
        Self::ClaimCheck,
        Self::Attribute,
        Self::Noted,
    ];

    /// Number of different fields.
    pub const COUNT: usize = Self::ALL.len();

    /// The field's own number, below [`Field::COUNT`].
    pub const fn slot(self) -> u8 {
        self as u8
    }

    /// The field's bit in a set of fields.
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// The name under which a convention writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::CausationId => "causation_id",
            Self::CorrelationId => "correlation_id",
            Self::RootId => "root_id",
            Self::ParentCorrelationId => "parent_correlation_id",
            Self::RequestId => "request_id",
            Self::FailedId => "failed_id",
            Self::Depth => "depth",
            Self::ReplyTo => "reply_to",
            Self::Type => "type",
            Self::Source => "source",
            Self::Version => "version",
            Self::Time => "time",
            Self::Kind => "kind",
            Self::Trace => "trace",
            Self::TraceId => "trace_id",
            Self::TraceHigh => "trace_high",
            Self::SpanId => "span_id",
            Self::OriginTopic => "origin_topic",
            Self::OriginPartition => "origin_partition",
            Self::OriginOffset => "origin_offset",
            Self::Group => "group",
            Self::Attempts => "attempts",
            Self::ErrorClass => "error_class",
            Self::ErrorMessage => "error_message",
            Self::ClaimCheck => "claim_check",
            Self::Attribute => "attributes",
            Self::Noted => "noted",
        }
    }

    /// The field of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// How the field is written where its row says nothing else.
    pub const fn usual_encoding(self) -> Encoding {
        match self {
            Self::OriginPartition | Self::OriginOffset | Self::Attempts | Self::Depth => Encoding::Number,
            Self::Time => Encoding::Time,
            Self::Trace => Encoding::Trace(TraceFormat::TraceParent),
            _ => Encoding::Text,
        }
    }
}

/// How a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 text, perhaps as a JSON string. Ids may also be 16 raw bytes.
    Text,
    /// Decimal text, or a big-endian integer of 1 to 8 bytes.
    Number,
    /// The same, and one more than what it counts: the attempt that is about to run.
    NextNumber,
    /// A trace context.
    Trace(TraceFormat),
    /// A decimal 64-bit number that stands for 16 hexadecimal digits.
    Decimal,
    /// The member `_dd.p.tid` of a list of tags: 16 hexadecimal digits.
    DatadogTid,
    /// RFC 3339 text, a number since the epoch, or one of the forms that frameworks write.
    Time,
    /// Text that follows this prefix in the name it stands for: Connect's group is `connect-` and the connector.
    Prefixed(String),
    /// What stands before the first of these: `TimeoutError: gateway timeout`.
    Before(String),
    /// What stands behind the first of these.
    After(String),
    /// Base64, where it can be read so.
    Base64,
    /// The last part of a URI's path: `kafka://topic/orders`.
    UriEnd,
    /// The fifth part of SkyWalking's `sw8`, decoded: the service that wrote the record.
    Sw8Service,
    /// One word stands for one kind of record; others say nothing.
    Kinds(Vec<(String, Kind)>),
}

/// The forms in which a trace context travels as one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceFormat {
    /// W3C Trace Context, section 3.2.
    TraceParent,
    /// B3 single header.
    B3,
    /// Jaeger's `trace:span:parent:flags`.
    Jaeger,
    /// AWS X-Ray's `Root=…;Parent=…`.
    XRay,
    /// 29 bytes: OpenCensus' `grpc-trace-bin` and Elastic's `elasticapmtraceparent`.
    Binary,
    /// Sentry's `trace-span-sampled`.
    Sentry,
    /// SkyWalking's `sw8`: trace and segment are text, hashed to the width of ours.
    Sw8,
    /// Google Cloud's `trace/span;o=1`.
    GoogleCloud,
}

/// Which of several occurrences of a name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Occurrence {
    /// The first that can be understood.
    #[default]
    First,
    /// The last that can be understood.
    Last,
}

/// How strongly a convention speaks where several name the same field, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Rank {
    /// What the user configured.
    House,
    /// Headers of a framework.
    #[default]
    Framework,
    /// An envelope in the body, recognised by its fingerprint.
    Envelope,
    /// Headers that many use alike.
    Header,
    /// Members that many use alike.
    Member,
    /// Says something, though not about this hop.
    Hint,
}

/// What a convention makes of a record that names a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It says nothing about failures.
    #[default]
    No,
    /// The topic decides between retry and dead letter.
    ByTopic,
    /// It is used for dead letters alone.
    DeadLetter,
    /// It is used for retries alone.
    Retry,
    /// The record reports the failure of another one and is no copy of it.
    Fault,
}

/// Set beside the fields that were found of a convention that is recognised.
pub const HEARD: u64 = 1 << 63;

/// Conditions of one convention that are no fields: they share a word with its fields and [`HEARD`].
pub const MAX_CONDITIONS: usize = 63 - Field::COUNT;

/// A test of a convention's fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The convention found this field.
    Field(Field),
    /// Something lies there, and says this.
    There(Location, Says),
}

impl Condition {
    /// True for what a header shows.
    pub fn is_of_header(&self) -> bool {
        matches!(self, Self::There(Location::Header(_), _))
    }
}

/// What a value must be. Case never matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Anything, null included.
    Anything,
    /// Exactly this.
    Is(String),
    /// Something that begins so.
    Begins(String),
    /// A UUID.
    Uuid,
}

/// One convention: how to recognise it, and where it writes what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convention {
    /// The name that people see.
    pub name: String,
    /// How strongly it speaks.
    pub rank: Rank,
    /// Pattern of the topics on which it counts; `None` for all.
    pub topics: Option<String>,
    /// Sets of conditions of which one must hold; empty: any of its rows is enough.
    pub when: Vec<Vec<Condition>>,
    /// Least number of different fields that must be found.
    pub least: u32,
    /// Whether punctuation matters in its header names; case never does, and names in a body are always loose.
    pub loose: bool,
    /// What it makes of a record that names a failure.
    pub failure: Failure,
    /// Beginning of the error classes with which its coordinates are not to be trusted.
    pub doubt: Option<String>,
    /// What its records are, where that is always the same.
    pub kind: Option<Kind>,
    /// Its time is that of the change in a database: what passed until the record was written is kept.
    pub publish_delay: bool,
    /// Its rows; of two for the same field the first is stronger.
    pub rows: Vec<Row>,
}

//! What a row of the table of conventions can say.

/// One field at one place, as one convention writes it.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Where it lies.
    pub location: Location,
    /// What it says.
    pub field: Field,
    /// How it is written.
    pub encoding: Encoding,
    /// Which occurrence counts when the name repeats.
    pub occurrence: Occurrence,
}

/// Where a field lies. Rows name all spellings that the convention allows, best first.
#[derive(Debug, Clone, Copy)]
pub enum Location {
    /// A header of one of these names.
    Header(&'static [&'static str]),
    /// A top-level member of a JSON body.
    Member(&'static [&'static str]),
    /// A member of a top-level member: `/metadata/eventId` is `Nested(&["metadata"], &["eventId"])`. All combinations.
    Nested(&'static [&'static str], &'static [&'static str]),
}

/// What a value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// An event id, and whose.
    Id(Refers),
    /// Type of the event.
    Type,
    /// Who wrote it.
    Source,
    /// Version of the event or its schema.
    Version,
    /// When it happened.
    Time,
    /// The trace, and the span of the sender.
    Trace,
    /// Coordinates of the record that failed.
    Origin(Coordinate),
    /// The group that failed.
    Group,
    /// Attempts made.
    Attempts,
    /// Class or code of the error.
    ErrorClass,
    /// Message of the error.
    ErrorMessage,
    /// Nothing but that the convention is in use.
    Sign(Sign),
}

/// Which event an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refers {
    /// The record itself.
    Itself,
    /// The event that caused it.
    Cause,
    /// All events of one business flow.
    Conversation,
}

/// One part of a record's coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinate {
    /// Its topic.
    Topic,
    /// Its partition.
    Partition,
    /// Its offset.
    Offset,
}

/// What shows a convention by its presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A member or header that every envelope of the convention has.
    Envelope,
    /// The content type of the convention.
    ContentType,
    /// The business data beside the envelope.
    Payload,
}

impl Field {
    /// Number of different fields.
    pub const COUNT: usize = 18;

    /// Signs have numbers from here on.
    pub const FIRST_SIGN: u8 = 15;

    /// The field's own number, below [`Field::COUNT`].
    pub const fn slot(self) -> u8 {
        match self {
            Self::Id(Refers::Itself) => 0,
            Self::Id(Refers::Cause) => 1,
            Self::Id(Refers::Conversation) => 2,
            Self::Type => 3,
            Self::Source => 4,
            Self::Version => 5,
            Self::Time => 6,
            Self::Trace => 7,
            Self::Origin(Coordinate::Topic) => 8,
            Self::Origin(Coordinate::Partition) => 9,
            Self::Origin(Coordinate::Offset) => 10,
            Self::Group => 11,
            Self::Attempts => 12,
            Self::ErrorClass => 13,
            Self::ErrorMessage => 14,
            Self::Sign(Sign::Envelope) => 15,
            Self::Sign(Sign::ContentType) => 16,
            Self::Sign(Sign::Payload) => 17,
        }
    }

    /// The field's bit in a set of fields.
    pub const fn bit(self) -> u32 {
        1 << self.slot()
    }
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 text, perhaps as a JSON string. Ids may also be 16 raw bytes.
    Text,
    /// Decimal text, or a big-endian integer of 1 to 8 bytes.
    Number,
    /// The same, and one more than what it counts: the attempt that is about to run.
    NextNumber,
    /// A W3C `traceparent`.
    Trace,
    /// RFC 3339 text, or a number since the epoch.
    Time,
    /// Text that follows this prefix in the name it stands for: Connect's group is `connect-` and the connector.
    Prefixed(&'static str),
    /// The word before the first colon of a text: `TimeoutError: gateway timeout`.
    BeforeColon,
    /// Counts only when it begins with this, whatever the case.
    BeginsWith(&'static str),
}

/// Which of several occurrences of a name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// The first.
    First,
    /// The last that can be understood.
    Last,
}

/// How strongly a convention speaks where several name the same field, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rank {
    /// Headers of a framework.
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

/// What a convention that recognises a failure makes of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It says nothing about failures.
    No,
    /// The topic decides between retry and dead letter.
    ByTopic,
    /// It is used for dead letters alone.
    DeadLetter,
}

/// How a convention is recognised. Until it is, its rows count for nothing.
#[derive(Debug, Clone, Copy)]
pub enum Fingerprint {
    /// By any of its names.
    Any,
    /// All fields of one of these sets are there.
    Has(&'static [&'static [Field]]),
    /// At least this many different fields are there, signs not counted, and this sign.
    Fields(u32, Field),
}

/// Whether punctuation matters in a convention's header names. Case never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// `ce_id` is not `ceid`.
    Exact,
    /// `message-id`, `message_id`, `MessageId` and `message.id` are one name.
    Loose,
}

/// One convention: how to recognise it, and where it writes what.
#[derive(Debug, Clone, Copy)]
pub struct Convention {
    /// The name that people see.
    pub name: &'static str,
    /// How strongly it speaks.
    pub rank: Rank,
    /// How it is recognised.
    pub fingerprint: Fingerprint,
    /// How its header names are compared; names in a body are always loose.
    pub names: Names,
    /// What it makes of a record that names a failure.
    pub failure: Failure,
    /// Its rows; of two for the same field the first is stronger.
    pub rows: &'static [Row],
}

/// A header row: first occurrence, text.
pub const fn header(names: &'static [&'static str], field: Field) -> Row {
    Row { location: Location::Header(names), field, encoding: Encoding::Text, occurrence: Occurrence::First }
}

/// A row for a top-level member: first occurrence, text.
pub const fn member(names: &'static [&'static str], field: Field) -> Row {
    Row { location: Location::Member(names), field, encoding: Encoding::Text, occurrence: Occurrence::First }
}

/// A row for members of top-level members: first occurrence, text.
pub const fn nested(parents: &'static [&'static str], names: &'static [&'static str], field: Field) -> Row {
    Row { location: Location::Nested(parents, names), field, encoding: Encoding::Text, occurrence: Occurrence::First }
}

impl Row {
    /// The same row in another encoding.
    pub const fn as_(self, encoding: Encoding) -> Self {
        Self { encoding, ..self }
    }

    /// The same row, where the last occurrence counts.
    pub const fn last(self) -> Self {
        Self { occurrence: Occurrence::Last, ..self }
    }
}

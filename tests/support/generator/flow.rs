//! One record as it is written, and the truth about it.

use headwater::event::{EventRef, Identifier, Spelling, TraceContext};

/// What a record really is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An event of its own.
    Event,
    /// The same event, published again.
    Duplicate,
    /// A copy of all headers of its cause on another topic.
    Forward,
    /// A record that a consumer failed on, to be tried again.
    Retry,
    /// A record that a consumer gave up on.
    DeadLetter,
}

impl What {
    /// Its name in a truth file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Duplicate => "duplicate",
            Self::Forward => "forward",
            Self::Retry => "retry",
            Self::DeadLetter => "dead-letter",
        }
    }
}

/// What the record says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing.
    None,
    /// Something that cannot be read.
    Malformed,
    /// Its context.
    Context(TraceContext),
}

impl Trace {
    /// The context, where it can be read.
    pub const fn context(self) -> Option<TraceContext> {
        match self {
            Self::Context(context) => Some(context),
            _ => None,
        }
    }
}

/// Why a record that was caused does not name its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// Nothing caused it.
    NotCaused,
    /// It carries no ids.
    WithoutIds,
    /// Its cause carries none.
    CauseWithoutId,
    /// It was told to hide it.
    Hidden,
}

/// What a record says of its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// That it has none.
    Root,
    /// An id or coordinates; this record answers to them.
    Names(EventRef),
    /// An id that no record carries.
    Absent,
    /// Nothing.
    Nothing(Silence),
}

/// One record, and the truth about it.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its place in the order of writing.
    pub number: u64,
    /// Its name. Meaningless in the first event of a flow that begins where nobody taps.
    pub reference: EventRef,
    /// When it was written, in µs.
    pub written: i64,
    /// Its timestamp, in µs; whole ms.
    pub record_time: i64,
    /// The flow it belongs to.
    pub flow: u64,
    /// The service that wrote it.
    pub service: u16,
    /// Number of its topic.
    pub topic: u16,
    /// The type that it names; a copy of headers names the type of what it copies.
    pub event_type: u16,
    /// What it is.
    pub what: What,
    /// Its own id.
    pub id: Option<Identifier>,
    /// The id of its cause.
    pub causation: Option<Identifier>,
    /// The id of its flow, or of everything.
    pub correlation: Option<Identifier>,
    /// Its trace.
    pub trace: Trace,
    /// The record that failed, where it is named by coordinates.
    pub failed: Option<EventRef>,
    /// What it says of its cause.
    pub declared: Declared,
    /// The record that was in hand when it was written.
    pub cause: Option<EventRef>,
    /// … followed back to the first record where that one is a copy.
    pub cause_first: Option<EventRef>,
    /// When its cause was written, in µs; its own time where it has none.
    pub cause_written: i64,
    /// A second one that it needed.
    pub also: Option<EventRef>,
    /// The record that it repeats.
    pub original: Option<EventRef>,
    /// … followed back to the first; the record itself where it repeats none.
    pub first: EventRef,
    /// Who answers to its id: the first record that carries it. `None` where nobody taps.
    pub holder: Option<EventRef>,
    /// Whether its cause carries the same trace.
    pub same_trace: bool,
}

impl Made {
    /// Whether the record says itself that nothing caused it.
    pub fn says_root(&self) -> bool {
        self.declared == Declared::Root
    }
}

/// An id that is its own value.
pub fn identifier((hi, lo): (u64, u64), spelling: Spelling) -> Identifier {
    Identifier { hi, lo, spelling }
}

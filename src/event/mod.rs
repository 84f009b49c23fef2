//! The language of the domain: plain data that every other module speaks. No I/O, no clock, no dependency on the rest.

mod business;
mod cause;
mod changes;
mod columns;
mod coverage;
mod dictionary;
mod envelope;
mod explanation;
mod failure;
mod group;
mod id;
mod outbox;
mod passed;
mod progress;
mod proof;
mod record;
mod reference;
mod retention;
mod secret;
mod text;

pub use business::BusinessFlow;
pub use cause::{
    CauseRow, Evidence, EvidenceClass, FoundCause, LINEAGE_CAUSED_PERCENT, LINEAGE_LEAST, LINEAGE_WINDOW, LostCause,
    OrphanReason, Resolution,
};
pub use changes::{AttributeRow, Changes, CounterRow, EventRow, IdText, Settled, TrialRow};
pub use columns::{EventColumns, IdColumn, Nullable, Repeats, TextColumn};
pub use coverage::{CoverageRow, GapReason};
pub use dictionary::{PartitionRow, ProducerRow, ProfileRow};
pub use envelope::{Attribute, AttributeValue, Envelope, Envelopes, Extra, Kind, Profile, Segment, Start, Undecoded};
pub use explanation::{BodyStory, ConventionStory, Explanation, FieldStory, Finding, Piece, TopicName, Undecodable};
pub use failure::{
    BareFailure, FailureKind, FailureNotice, FailureRow, FailureState, FailureText, GroupEvidence, HealedEvidence,
    Origin, Sought,
};
pub use group::{
    BarrierSample, Beyond, CommittedOffset, Epoch, GroupClient, GroupKind, GroupPhase, GroupSample, GroupState,
    Library, LogEnds, LogPolicy, LoggedCommit, MAX_COMMIT_METADATA_BYTES, PolicyRow, ShareOffset,
};
pub use id::{HashKey, Identifier, Spelling, TraceContext};
pub use outbox::OutboxCursor;
pub use passed::{Direction, PassedRange, PassedTo};
pub use progress::{GroupRow, ProgressMark, ProgressRow, ProgressState, RewindRow};
pub use proof::{BarrierRow, VerdictRow};
pub use record::{Header, Producer, Record, Timestamp, TopicClass, TopicPartition};
pub use reference::{Coordinates, EventRef, Ordinal};
pub use retention::Retention;
pub use secret::{ClientProperties, Secret};
pub use text::{Arena, Span, clean, clip};

//! What the core decided: the only thing that is ever written, in one transaction.

use super::{
    Attribute, BareFailure, BarrierRow, CauseRow, CoverageRow, EventColumns, EventRef, Evidence, FailureRow,
    GroupClient, GroupRow, Identifier, Kind, LostCause, Ordinal, OutboxCursor, PartitionRow, PassedRange, PassedTo,
    PolicyRow, ProducerRow, ProfileRow, ProgressMark, ProgressRow, Resolution, RewindRow, Timestamp, TraceContext,
    VerdictRow,
};
use std::sync::Arc;

/// What few events say: text of ids that are not their own value, and what is odd about traces. Boxed, because most have
/// none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdText {
    /// Text of the event's own id.
    pub id: Option<Box<str>>,
    /// Text of the id of its cause.
    pub causation: Option<Box<str>>,
    /// Text of its correlation id.
    pub correlation: Option<Box<str>>,
    /// It names a trace, and none that can be read.
    pub malformed_trace: bool,
    /// It names several traces or spans under one name.
    pub appended_trace: bool,
}

/// One event as it is stored.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Its name for ever.
    pub reference: EventRef,
    /// Its own time.
    pub time: Timestamp,
    /// The record's timestamp.
    pub record_time: Timestamp,
    /// When the tap read it.
    pub seen_time: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// What is known of its cause.
    pub resolution: Resolution,
    /// The value is null.
    pub tombstone: bool,
    /// Number of its type, source, version and convention.
    pub profile: i32,
    /// Number of its producer.
    pub producer: Option<i32>,
    /// Keyed hash of the record key.
    pub key_hash: Option<u64>,
    /// The conversation's id when this was written.
    pub conversation: EventRef,
    /// Size of the key in bytes.
    pub key_bytes: i32,
    /// Size of the value in bytes.
    pub value_bytes: i32,
    /// Its own id.
    pub id: Option<Identifier>,
    /// The id of its cause.
    pub causation: Option<Identifier>,
    /// Its correlation id.
    pub correlation: Option<Identifier>,
    /// Its trace.
    pub trace: Option<TraceContext>,
    /// Text of ids that are not their own value.
    pub texts: Option<Box<IdText>>,
    /// Its first cause that is certain, and why it is believed; further ones are rows of their own.
    pub cause: Option<(EventRef, Evidence)>,
}

/// One fact of an event beyond its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeRow {
    /// The event.
    pub reference: EventRef,
    /// The fact.
    pub attribute: Attribute,
}

/// An event whose verdict changed after it was written: its row is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The event.
    pub reference: EventRef,
    /// What is known now.
    pub resolution: Resolution,
    /// Its conversation now.
    pub conversation: EventRef,
    /// Its first cause, as in [`EventRow::cause`].
    pub cause: Option<(EventRef, Evidence)>,
}

/// One number about the tap itself, such as what could not be understood.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterRow {
    /// Its name.
    pub name: String,
    /// Its value since the database was made.
    pub value: f64,
}

/// How conclusions from one topic and type to another fared since the last commit, where the cause is named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialRow {
    /// Some record of the topic and type of the cause, and its profile.
    pub cause: (EventRef, i32),
    /// The same of the effect.
    pub effect: (EventRef, i32),
    /// Why it was concluded.
    pub evidence: Evidence,
    /// Conclusions that agree with what is named.
    pub right: u32,
    /// Those that do not.
    pub wrong: u32,
    /// Named causes for which nothing was concluded.
    pub missed: u32,
    /// Sum of the confidence of those that were concluded.
    pub claimed: f64,
}

/// Everything that one commit writes. Rows and read positions stand or fall together: coverage holds the positions.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// New partitions in the dictionary.
    pub partitions: Vec<PartitionRow>,
    /// New profiles in the dictionary.
    pub profiles: Vec<ProfileRow>,
    /// New producers in the dictionary.
    pub producers: Vec<ProducerRow>,
    /// New events whose resolution is settled.
    pub events: EventColumns,
    /// New events that wait for their cause.
    pub pending: EventColumns,
    /// Events that waited and are settled now.
    pub settled: Vec<Settled>,
    /// Settled events that turned out otherwise: an orphan whose cause came after all.
    pub retracted: Vec<Settled>,
    /// New edges beside those that events carry themselves.
    pub causes: Vec<CauseRow>,
    /// Facts of new events beyond their envelopes.
    pub attributes: Vec<AttributeRow>,
    /// New failures, and failures that changed: the whole row replaces an older one of the same ref.
    pub failures: Vec<FailureRow>,
    /// Conversations that turned out to be one: (old id, the id it belongs to now).
    pub aliases: Vec<(EventRef, EventRef)>,
    /// Partitions whose coverage changed, as it stands now.
    pub coverage: Vec<CoverageRow>,
    /// Groups whose progress changed, as it stands now.
    pub progress: Vec<ProgressRow>,
    /// Committed offsets that changed, with the time.
    pub marks: Vec<ProgressMark>,
    /// Committed offsets that went back.
    pub rewinds: Vec<RewindRow>,
    /// Consumer groups that are new or have changed.
    pub groups: Vec<GroupRow>,
    /// What members of groups call themselves, where that is new.
    pub clients: Vec<GroupClient>,
    /// Consumer groups that are no more: cluster and name.
    pub gone: Vec<(Arc<str>, Arc<str>)>,
    /// Topics whose records are kept for a time that is new or has changed.
    pub policies: Vec<PolicyRow>,
    /// Events that groups passed, or went back before; events of this commit among them.
    pub passed: Vec<PassedRange>,
    /// How far the outbox was sent, when it went on.
    pub sent: Option<OutboxCursor>,
    /// How far that was told, for the next run.
    pub passed_to: Vec<PassedTo>,
    /// Groups that no longer read a partition.
    pub forgotten: Vec<(Arc<str>, Ordinal)>,
    /// The tap's own numbers that changed, as they stand now.
    pub counters: Vec<CounterRow>,
    /// How conclusions fared.
    pub trials: Vec<TrialRow>,
    /// Failures whose origin can be sought once all this is written.
    pub bare: Vec<BareFailure>,
    /// Causes that can be asked for once all this is written.
    pub lost: Vec<LostCause>,
    /// Barriers that prove verdicts.
    pub barriers: Vec<BarrierRow>,
    /// Causes that are not there.
    pub verdicts: Vec<VerdictRow>,
    /// When this was decided.
    pub at: Timestamp,
}

impl Changes {
    /// Event rows in it.
    pub fn rows(&self) -> usize {
        self.events.len() + self.pending.len()
    }

    /// Every edge in it: those that events carry, and those beside.
    pub fn edges(&self) -> impl Iterator<Item = CauseRow> {
        let carried = [&self.events, &self.pending].into_iter().flat_map(|columns| {
            (0..columns.len()).filter(|&at| columns.cause.is_valid(at)).filter_map(|at| {
                let evidence = Evidence::ALL.get(columns.evidence.values[at] as usize).copied()?;
                Some((EventRef(columns.reference[at]), EventRef(columns.cause.values[at]), evidence))
            })
        });
        let late = self.settled.iter().chain(&self.retracted);
        let late = late.filter_map(|settled| settled.cause.map(|(cause, why)| (settled.reference, cause, why)));
        let certain = |(effect, cause, evidence)| CauseRow { effect, cause, evidence, confidence: 1.0 };
        carried.chain(late).map(certain).chain(self.causes.iter().copied())
    }

    /// True when there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
            && self.partitions.is_empty()
            && self.settled.is_empty()
            && self.retracted.is_empty()
            && self.causes.is_empty()
            && self.failures.is_empty()
            && self.aliases.is_empty()
            && self.coverage.is_empty()
            && self.progress.is_empty()
            && self.marks.is_empty()
            && self.rewinds.is_empty()
            && self.groups.is_empty()
            && self.gone.is_empty()
            && self.policies.is_empty()
            && self.passed.is_empty()
            && self.sent.is_none()
            && self.passed_to.is_empty()
            && self.forgotten.is_empty()
            && self.clients.is_empty()
            && self.counters.is_empty()
            && self.trials.is_empty()
            && self.bare.is_empty()
            && self.lost.is_empty()
            && self.barriers.is_empty()
            && self.verdicts.is_empty()
    }
}

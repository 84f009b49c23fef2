//! What the core decided: the only thing that is ever written, in one transaction.

use super::{
    Attribute, BareFailure, BarrierRow, CauseRow, CoverageRow, EventRef, Evidence, FailureRow, GroupRow, Identifier,
    Kind, LostCause, Ordinal, OutboxCursor, PartitionRow, PassedRange, PassedTo, ProducerRow, ProfileRow, ProgressMark,
    ProgressRow, Resolution, RewindRow, Spelling, Timestamp, TraceContext, VerdictRow,
};
use std::sync::Arc;

/// Text of the ids that are not their own value; boxed, because most events have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdText {
    /// Text of the event's own id.
    pub id: Option<Box<str>>,
    /// Text of the id of its cause.
    pub causation: Option<Box<str>>,
    /// Text of its correlation id.
    pub correlation: Option<Box<str>>,
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

/// A value that an id may repeat. Where it does, the row keeps a mark and not the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Repeats {
    /// Nothing: the value is kept, if there is one.
    Nothing = 0,
    /// The event's own id.
    Id = 1,
    /// The id of its cause.
    Causation = 2,
    /// Its trace id.
    Trace = 3,
}

impl Repeats {
    /// What `number` stands for.
    pub const fn from_number(number: i16) -> Self {
        match number & 3 {
            1 => Self::Id,
            2 => Self::Causation,
            3 => Self::Trace,
            _ => Self::Nothing,
        }
    }

    /// What `row`'s correlation id repeats, in value and in spelling.
    fn by_correlation(row: &EventRow) -> Self {
        let Some(correlation) = row.correlation else { return Self::Nothing };
        let texts = row.texts.as_deref();
        let text = texts.and_then(|texts| texts.correlation.as_deref());
        let same = |id: Option<Identifier>, id_text: Option<&str>| {
            id.is_some_and(|id| id == correlation && id.spelling == correlation.spelling) && id_text == text
        };
        if same(row.id, texts.and_then(|texts| texts.id.as_deref())) {
            Self::Id
        } else if same(row.causation, texts.and_then(|texts| texts.causation.as_deref())) {
            Self::Causation
        } else if same(row.trace.map(TraceContext::identifier), None) {
            Self::Trace
        } else {
            Self::Nothing
        }
    }
}

/// A column of which some rows are null, with the bits in the order that Arrow wants.
#[derive(Debug, Clone, Default)]
pub struct Nullable<T> {
    /// One value a row; default where null.
    pub values: Vec<T>,
    /// Bit `n % 8` of byte `n / 8` is set when row `n` is not null.
    pub valid: Vec<u8>,
    /// Rows that are null.
    pub nulls: usize,
}

impl<T: Copy + Default> Nullable<T> {
    /// True when row `at` is not null.
    pub fn is_valid(&self, at: usize) -> bool {
        self.nulls == 0 || self.valid[at / 8] >> (at % 8) & 1 == 1
    }

    /// Changes row `at`.
    pub fn set(&mut self, at: usize, value: Option<T>) {
        let bit = 1 << (at % 8);
        let was = self.valid[at / 8] & bit != 0;
        self.nulls = self.nulls + usize::from(was) - usize::from(value.is_some());
        self.valid[at / 8] = if value.is_some() { self.valid[at / 8] | bit } else { self.valid[at / 8] & !bit };
        self.values[at] = value.unwrap_or_default();
    }

    /// Adds one row.
    pub fn push(&mut self, value: Option<T>) {
        let row = self.values.len();
        if row.is_multiple_of(8) {
            self.valid.push(0);
        }
        match value {
            Some(value) => {
                self.valid[row / 8] |= 1 << (row % 8);
                self.values.push(value);
            }
            None => {
                self.nulls += 1;
                self.values.push(T::default());
            }
        }
    }
}

/// A column of text, most of whose rows are null.
#[derive(Debug, Clone)]
pub struct TextColumn {
    /// Start of each row in `bytes`, and the end of the last.
    pub offsets: Vec<i32>,
    /// All text, UTF-8.
    pub bytes: Vec<u8>,
    /// As in [`Nullable::valid`].
    pub valid: Vec<u8>,
    /// Rows that are null.
    pub nulls: usize,
}

impl Default for TextColumn {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: Vec::new(), valid: Vec::new(), nulls: 0 }
    }
}

impl TextColumn {
    /// Adds one row.
    pub fn push(&mut self, text: Option<&str>) {
        let row = self.offsets.len() - 1;
        if row.is_multiple_of(8) {
            self.valid.push(0);
        }
        match text {
            Some(text) => {
                self.valid[row / 8] |= 1 << (row % 8);
                self.bytes.extend_from_slice(text.as_bytes());
            }
            None => self.nulls += 1,
        }
        self.offsets.push(self.bytes.len() as i32);
    }
}

/// An id column: two numbers, and the text where they are only its hash.
#[derive(Debug, Clone, Default)]
pub struct IdColumn {
    /// Upper 64 bits.
    pub hi: Nullable<i64>,
    /// Lower 64 bits.
    pub lo: Nullable<i64>,
    /// Text of [`Spelling::Text`] ids.
    pub text: TextColumn,
}

impl IdColumn {
    fn push(&mut self, id: Option<Identifier>, text: Option<&str>) {
        self.hi.push(id.map(|id| id.hi as i64));
        self.lo.push(id.map(|id| id.lo as i64));
        self.text.push(text);
    }
}

/// Event rows by column, in the order of the table's columns, ready to become one Arrow batch without a copy.
#[derive(Debug, Clone, Default)]
pub struct EventColumns {
    /// `ref`
    pub reference: Vec<i64>,
    /// `time`, µs since the epoch
    pub time: Vec<i64>,
    /// `record_time`, µs; null when equal to `time`
    pub record_time: Nullable<i64>,
    /// `seen_time`, µs
    pub seen_time: Vec<i64>,
    /// `kind`, [`Kind`] number
    pub kind: Vec<i8>,
    /// `resolution`, [`Resolution`] number
    pub resolution: Vec<i8>,
    /// `orphan_reason`, [`super::OrphanReason`] number
    pub orphan_reason: Nullable<i8>,
    /// `form`: spelling of id, causation and correlation in two bits each, one bit for a tombstone, then in two bits what
    /// the correlation id [`Repeats`]
    pub form: Vec<i16>,
    /// `profile`
    pub profile: Vec<i32>,
    /// `producer`
    pub producer: Nullable<i32>,
    /// `key_hash`
    pub key_hash: Nullable<i64>,
    /// `conversation`
    pub conversation: Vec<i64>,
    /// `key_bytes`
    pub key_bytes: Vec<i32>,
    /// `value_bytes`
    pub value_bytes: Vec<i32>,
    /// `id_hi`, `id_lo`, `id_text`
    pub id: IdColumn,
    /// `causation_hi`, `causation_lo`, `causation_text`
    pub causation: IdColumn,
    /// `correlation_hi`, `correlation_lo`, `correlation_text`; null where it [`Repeats`] another id
    pub correlation: IdColumn,
    /// `trace_hi`
    pub trace_hi: Nullable<i64>,
    /// `trace_lo`
    pub trace_lo: Nullable<i64>,
    /// `span`
    pub span: Nullable<i64>,
    /// `cause`
    pub cause: Nullable<i64>,
    /// `evidence`, [`Evidence`] number
    pub evidence: Nullable<i8>,
}

impl EventColumns {
    /// Bit of `form` that says the value is null.
    pub const TOMBSTONE: i16 = 1 << 6;

    /// Place in `form` of what the correlation id repeats.
    pub const REPEATS: u32 = 7;

    /// Adds one row.
    pub fn push(&mut self, row: &EventRow) {
        let spelling = |id: Option<Identifier>| id.map_or(Spelling::Text, |id| id.spelling) as i16;
        let texts = row.texts.as_deref();
        let repeats = Repeats::by_correlation(row);
        let correlation = row.correlation.filter(|_| repeats == Repeats::Nothing);
        self.reference.push(row.reference.0);
        self.time.push(row.time.0);
        self.record_time.push((row.record_time != row.time).then_some(row.record_time.0));
        self.seen_time.push(row.seen_time.0);
        self.kind.push(row.kind as i8);
        self.resolution.push(row.resolution.number());
        self.orphan_reason.push(row.resolution.reason_number());
        self.form.push(
            spelling(row.id)
                | spelling(row.causation) << 2
                | spelling(row.correlation) << 4
                | if row.tombstone { Self::TOMBSTONE } else { 0 }
                | (repeats as i16) << Self::REPEATS,
        );
        self.profile.push(row.profile);
        self.producer.push(row.producer);
        self.key_hash.push(row.key_hash.map(|hash| hash as i64));
        self.conversation.push(row.conversation.0);
        self.key_bytes.push(row.key_bytes);
        self.value_bytes.push(row.value_bytes);
        self.id.push(row.id, texts.and_then(|t| t.id.as_deref()));
        self.causation.push(row.causation, texts.and_then(|t| t.causation.as_deref()));
        self.correlation.push(correlation, correlation.and(texts).and_then(|t| t.correlation.as_deref()));
        self.trace_hi.push(row.trace.map(|t| t.trace_hi as i64));
        self.trace_lo.push(row.trace.map(|t| t.trace_lo as i64));
        self.span.push(row.trace.map(|t| t.parent_id as i64));
        self.cause.push(row.cause.map(|(cause, _)| cause.0));
        self.evidence.push(row.cause.map(|(_, evidence)| evidence as i8));
    }

    /// Row `at` got another verdict.
    pub fn amend(&mut self, at: usize, settled: &Settled) {
        self.resolution[at] = settled.resolution.number();
        self.orphan_reason.set(at, settled.resolution.reason_number());
        self.conversation[at] = settled.conversation.0;
        self.cause.set(at, settled.cause.map(|(cause, _)| cause.0));
        self.evidence.set(at, settled.cause.map(|(_, evidence)| evidence as i8));
    }

    /// Rows held.
    pub fn len(&self) -> usize {
        self.reference.len()
    }

    /// True when no row is held.
    pub fn is_empty(&self) -> bool {
        self.reference.is_empty()
    }
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
    /// Consumer groups that are no more: cluster and name.
    pub gone: Vec<(Arc<str>, Arc<str>)>,
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
            && self.passed.is_empty()
            && self.sent.is_none()
            && self.passed_to.is_empty()
            && self.forgotten.is_empty()
            && self.counters.is_empty()
            && self.trials.is_empty()
            && self.bare.is_empty()
            && self.lost.is_empty()
            && self.barriers.is_empty()
            && self.verdicts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_changes_keeps_the_count_of_nulls() {
        let mut column = Nullable::default();
        for n in 0..20 {
            column.push((n % 3 == 0).then_some(n));
        }
        let nulls = |column: &Nullable<i32>| (0..20).filter(|&at| column.valid[at / 8] >> (at % 8) & 1 == 0).count();
        for (at, value) in [(3, None), (4, Some(9)), (4, Some(8)), (9, Some(7)), (10, None)] {
            column.set(at, value);
            assert_eq!(nulls(&column), column.nulls, "row {at}");
            assert_eq!(column.is_valid(at).then_some(column.values[at]), value);
        }
    }
}

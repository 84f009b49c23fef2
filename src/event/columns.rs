//! Event rows by column, as they are stored.

use super::{EventRow, Identifier, Settled, Spelling, TraceContext};

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
    /// the correlation id [`Repeats`], and a bit each for a trace that cannot be read and one that was added to others
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

    /// Bit of `form` that says that it names a trace, and none that can be read.
    pub const MALFORMED_TRACE: i16 = 1 << 9;

    /// Bit of `form` that says that it names several traces or spans under one name.
    pub const APPENDED_TRACE: i16 = 1 << 10;

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
                | (repeats as i16) << Self::REPEATS
                | if texts.is_some_and(|texts| texts.malformed_trace) { Self::MALFORMED_TRACE } else { 0 }
                | if texts.is_some_and(|texts| texts.appended_trace) { Self::APPENDED_TRACE } else { 0 },
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

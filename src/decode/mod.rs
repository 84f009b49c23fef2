//! `Record -> Envelope`: pure, total and table-driven. Any bytes decode to something.
//!
//! `conventions/*.toml` hold the conventions as data: which header or member of the body says what, in which encoding.
//! [`found`] runs them over one record; the rest reads the values that they point at.

mod base;
mod compiled;
mod convention;
mod error_text;
mod explain;
mod failure;
mod found;
mod habit;
mod json;
mod key;
mod lexicon;
mod mask;
mod members;
mod memory;
mod names;
mod offsets;
mod parallel;
mod profile;
mod row;
mod schema;
mod scope;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod topic;
mod trace;

pub use base::base_topic;
pub use compiled::shipped;
pub use convention::{ConventionError, house};
pub use error_text::MAX_ERROR_BYTES;
pub use explain::Explainer;
pub use members::Member;
pub use offsets::{CoordinatorRecord, RecordType, offset_commit};
pub use parallel::beyond;
pub use profile::MAX_PROFILE_TEXT_BYTES;
pub use row::Convention;
pub use schema::{Framed, MAX_SCHEMA_BYTES, Reference, Schema, SchemaError, SchemaId, SchemaKind, Schemas, Unreadable};
pub use text::MAX_ID_BYTES;
pub use topic::class;

use crate::event::{
    Attribute, AttributeValue, Envelope, Envelopes, Extra, FailureText, HashKey, Identifier, Kind, Origin, Record,
    Span, Timestamp, TopicClass, TopicPartition, TraceContext, Undecoded, clip,
};
use compiled::{Compiled, Rule};
use failure::Evidence;
use found::{Claim, Claims, Found};
use habit::Habits;
use profile::{Draft, Profiles};
use row::{Encoding, Field};
use scope::{Scope, Scopes};
use std::borrow::Cow;
use std::sync::Arc;

/// Traces that one record may name beside its own: fleets of mixed tracers write two or three.
const MAX_SHARED_IDS: usize = 4;

/// Bytes of an attribute that are kept.
const MAX_ATTRIBUTE_BYTES: usize = 256;

/// Name of the attribute that says where the data lies that a record only points at.
const CLAIM_CHECK: &str = "claim_check";
/// Name of the attribute that says which schema the body has.
const SCHEMA_ID: &str = "schema_id";
/// Name of the attribute that says what passed between a change in a database and its record.
const PUBLISH_DELAY: &str = "publish_delay_ms";

/// What names the cause of a record of this kind, strongest first.
const fn causes(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Fault => &[Field::FailedId, Field::CausationId, Field::RequestId],
        Kind::Reply => &[Field::CausationId, Field::RequestId],
        _ => &[Field::CausationId],
    }
}

/// Reads envelopes from records.
pub struct Decoder {
    ids: HashKey,
    keys: HashKey,
    table: Arc<Compiled>,
    found: Found,
    profiles: Profiles,
    scopes: Scopes,
    habits: Habits,
    keeps: FailureText,
}

impl Decoder {
    /// `ids` is the database's key for ids that are no UUIDs, `keys` the secret for record keys.
    pub fn new(ids: HashKey, keys: HashKey) -> Self {
        Self::with_house(ids, keys, &[])
    }

    /// The same with conventions of the user's own, which are tried first.
    pub fn with_house(ids: HashKey, keys: HashKey, house: &[Convention]) -> Self {
        let table = Compiled::with(house);
        let found = Found::new(table.clone());
        let (profiles, scopes, habits) = (Profiles::default(), Scopes::default(), Habits::default());
        Self { ids, keys, table, found, profiles, scopes, habits, keeps: FailureText::default() }
    }

    /// The same with schemas for bodies that need one.
    pub fn with_schemas(mut self, schemas: Option<Arc<dyn Schemas>>) -> Self {
        self.found.learn(schemas);
        self
    }

    /// The same with so much of the words of errors.
    pub fn with_failure_text(mut self, keeps: FailureText) -> Self {
        self.keeps = keeps;
        self
    }

    /// The keyed hash under which the record key `key` is kept: what a search for a known key looks for.
    pub fn key_hash(&self, key: &[u8]) -> u64 {
        self.keys.hash(key)
    }

    /// Adds one row for `record` to `into`, which holds one fetch answer.
    pub fn decode(&mut self, partition: &TopicPartition, record: &Record<'_>, into: &mut Envelopes) {
        let scope = self.scopes.of(&partition.topic, &self.table);
        if scope.role.is_internal() {
            // Internal records are no events: their bytes follow no convention of the business.
            self.found.clear();
        } else {
            self.find(partition, record, &scope, &mut into.undecoded);
        }
        let named = scope.role.by_name != TopicClass::Business;
        let among_events = !named && self.habits.holds_events(&partition.topic, partition.partition);
        let (found, topic, keeps) = (&self.found, &*partition.topic, self.keeps);
        let evidence = Evidence { found, record, topic, scope: &scope, among_events, keeps };
        let (kind, notice) = evidence.judge(&mut into.undecoded);
        let again = evidence.given_again().filter(|_| notice.is_none());
        if !named && !among_events && self.found.failure().is_none() {
            self.habits.note_event(&partition.topic, partition.partition);
        }
        let kind = if kind == Kind::Event { self.kind(record) } else { kind };
        let notice = notice.map(|notice| {
            into.notices.push(notice);
            into.notices.len() as u32 - 1
        });
        self.row(record, (kind, notice, again), into);
    }

    fn find(&mut self, partition: &TopicPartition, record: &Record<'_>, scope: &Scope, undecoded: &mut [u64]) {
        let (habits, house) = (&mut self.habits, self.table.house_reads_bodies);
        let (topic, number) = (&partition.topic, partition.partition);
        let wants = |body: &[u8]| house || habits.wants(topic, number, (record.offset, body));
        let read = self.found.read(record, scope, wants, undecoded);
        if let (Some(body), true) = (record.value, read) {
            // What could not be read may speak once its schema is there.
            self.habits.learn(topic, number, body, self.found.body_spoke() || self.found.wants_schema());
        }
    }

    /// What an ordinary record is: what it says itself, else what all records of its convention are.
    fn kind(&self, record: &Record<'_>) -> Kind {
        for claim in self.found.claims(Field::Kind, None, record) {
            let text = claim.raw.text();
            let Encoding::Kinds(kinds) = &claim.rule.encoding else { continue };
            let says = |(word, _): &&(String, Kind)| word.as_bytes().eq_ignore_ascii_case(text.trim_ascii());
            if let Some((_, kind)) = kinds.iter().find(says) {
                return *kind;
            }
        }
        if self.found.has(Field::RequestId) {
            return if self.found.has(Field::ReplyTo) { Kind::Command } else { Kind::Reply };
        }
        self.found.conventions().find_map(|convention| convention.kind).unwrap_or(Kind::Event)
    }

    fn row(
        &mut self,
        record: &Record<'_>,
        (kind, notice, again): (Kind, Option<u32>, Option<Origin>),
        into: &mut Envelopes,
    ) {
        let record_time = Timestamp::from_millis(record.timestamp_ms);
        let mut texts = [Span::default(); 3];
        let id = self.id(&[Field::Id], record, &mut texts[0], into);
        let causation = self.id(causes(kind), record, &mut texts[1], into);
        let flows = self.flows(kind);
        let correlation = self.id(&flows, record, &mut texts[2], into);
        let (trace, about_trace) = self.traces(record, &mut into.undecoded);
        let time = self.time(record, &mut into.undecoded);
        let extra = self.extra(record, about_trace, time.map(|time| record_time.since(time)));
        let extra = match again {
            Some(origin) => Some(Extra { again: Some(origin), ..extra.unwrap_or_default() }),
            None => extra,
        };
        let profile = self.profile(record, into);
        into.rows.push(Envelope {
            offset: record.offset,
            record_time,
            time: time.unwrap_or(record_time),
            kind,
            says_root: self.says_root(record, id, causation),
            tombstone: record.value.is_none(),
            profile,
            id,
            causation,
            correlation,
            texts,
            trace,
            key_hash: record.key.map(|key| self.keys.hash(key)),
            key_bytes: bytes(record.key),
            value_bytes: bytes(record.value),
            notice,
            extra: extra.map(|extra| {
                into.extras.push(extra);
                into.extras.len() as u32 - 1
            }),
        });
    }

    /// What may name the flow, strongest first. A request and its reply are one by what only the two of them share.
    fn flows(&self, kind: Kind) -> [Field; 4] {
        let (flow, root) = (Field::CorrelationId, Field::RootId);
        let (parent, request) = (Field::ParentCorrelationId, Field::RequestId);
        let asks = kind == Kind::Command && self.found.has(Field::ReplyTo);
        let answers = matches!(kind, Kind::Reply | Kind::Fault) && !self.found.has(Field::CausationId);
        if asks || answers { [request, flow, root, parent] } else { [flow, root, parent, request] }
    }

    /// It names itself as its cause or, without a cause, as the root of its flow, or counts no step from there.
    fn says_root(&self, record: &Record<'_>, id: Option<Identifier>, causation: Option<Identifier>) -> bool {
        let first = |field| self.found.claims(field, None, record).next();
        match causation {
            Some(causation) => id == Some(causation),
            None if self.found.has(Field::Depth) => {
                first(Field::Depth).and_then(|claim| text::number(claim.raw)) == Some(0)
            }
            None if self.found.has(Field::RootId) && id.is_some() => {
                first(Field::RootId).and_then(|claim| text::identifier(claim.raw, &self.ids)).map(|(root, _)| root)
                    == id
            }
            None => false,
        }
    }

    /// The strongest claim to the first of `fields` that can be understood.
    fn id(&self, fields: &[Field], record: &Record<'_>, span: &mut Span, into: &mut Envelopes) -> Option<Identifier> {
        for field in fields.iter().filter(|field| self.found.has(**field)) {
            for claim in self.found.claims(*field, None, record) {
                if ignored(&claim) {
                    continue;
                }
                if let Some((id, text)) = text::identifier(claim.raw, &self.ids) {
                    *span = text::keep(&mut into.arena, &id, &text);
                    return Some(id);
                }
                into.undecoded[Undecoded::MalformedId as usize] += 1;
            }
        }
        None
    }

    /// The record's own trace, and what else is to be said of those that it names.
    fn traces(&self, record: &Record<'_>, undecoded: &mut [u64]) -> (Option<TraceContext>, Extra) {
        let (mut own, mut about) = (None::<(TraceContext, &Rule)>, Extra::default());
        if !self.found.has(Field::Trace) && !self.found.has(Field::TraceId) {
            return (None, about);
        }
        let whole = self.found.claims(Field::Trace, None, record);
        let parted = self.found.claims(Field::TraceId, None, record);
        for claim in strongest_first(whole, parted) {
            let Some(context) = self.trace(&claim, record) else {
                undecoded[Undecoded::MalformedTrace as usize] += u64::from(own.is_none());
                about.malformed_trace |= own.is_none();
                continue;
            };
            let Some((first, rule)) = own else {
                own = Some((context, claim.rule));
                about.malformed_trace = false;
                continue;
            };
            let trace = context.identifier();
            about.appended_trace |= context != first && std::ptr::eq(rule, claim.rule);
            if first.identifier() != trace && !about.shared.contains(&trace) {
                about.shared.push(trace);
            }
        }
        about.shared.truncate(MAX_SHARED_IDS);
        (own.map(|(context, _)| context), about)
    }

    fn trace(&self, claim: &Claim<'_>, record: &Record<'_>) -> Option<TraceContext> {
        if let Encoding::Trace(format) = claim.rule.encoding {
            return trace::context(claim.raw, format, &self.ids);
        }
        let part = |field| self.found.claims(field, Some(claim.rule.convention), record).next();
        let span = part(Field::SpanId)?;
        let (id, span_text) = (claim.raw.text(), span.raw.text());
        if claim.rule.encoding != Encoding::Decimal {
            return trace::whole(trace::trace_id(&id)?, trace::span_id(&span_text)?);
        }
        let high = part(Field::TraceHigh).and_then(|tags| trace::datadog_tid(&tags.raw.text())).unwrap_or_default();
        trace::whole(u128::from(high) << 64 | u128::from(trace::decimal(&id)?), trace::decimal(&span_text)?)
    }

    fn time(&self, record: &Record<'_>, undecoded: &mut [u64]) -> Option<Timestamp> {
        for claim in self.found.claims(Field::Time, None, record) {
            if let Some(time) = time::parse(claim.raw) {
                return Some(time);
            }
            undecoded[Undecoded::MalformedTime as usize] += 1;
        }
        None
    }

    /// What few records say: `delay_us` is what passed between the event and its record.
    fn extra(&self, record: &Record<'_>, mut extra: Extra, delay_us: Option<i64>) -> Option<Extra> {
        let found = &self.found;
        if found.has(Field::RootId)
            && let Some(claim) = found.claims(Field::RootId, None, record).next()
        {
            extra.shared.extend(text::identifier(claim.raw, &self.ids).map(|(root, _)| root));
        }
        if found.has(Field::RequestId) && found.has(Field::ReplyTo) {
            let claim = found.claims(Field::RequestId, None, record).next();
            extra.request = claim.and_then(|claim| text::identifier(claim.raw, &self.ids)).map(|(id, _)| id);
        }
        let mut keep = |name: Arc<str>, value| extra.attributes.push(Attribute { name, value });
        for claim in found.claims(Field::Attribute, None, record) {
            keep(claim.rule.label.clone(), attribute(&claim));
        }
        if let Some(claim) = found.claims(Field::ClaimCheck, None, record).next() {
            keep(CLAIM_CHECK.into(), attribute(&claim));
        }
        if let Some(schema) = found.schema() {
            keep(
                SCHEMA_ID.into(),
                match schema {
                    SchemaId::Number(number) => AttributeValue::Number(f64::from(number)),
                    guid => AttributeValue::Text(guid.to_string()),
                },
            );
        }
        if let Some(delay) = delay_us
            && found.conventions().any(|convention| convention.publish_delay)
        {
            keep(PUBLISH_DELAY.into(), AttributeValue::Number(delay as f64 / 1_000.0));
        }
        (extra != Extra::default()).then_some(extra)
    }

    fn profile(&mut self, record: &Record<'_>, into: &mut Envelopes) -> u32 {
        let found = &self.found;
        let words = |field| {
            if !found.has(field) {
                return Cow::Borrowed(&[][..]);
            }
            let mut nothing = Cow::Borrowed(&[][..]);
            for claim in found.claims(field, None, record) {
                if ignored(&claim) {
                    // Nor does it say more where a weaker convention finds it again.
                    nothing = claim.raw.text();
                    continue;
                }
                let text = text::field(claim.raw, &claim.rule.encoding);
                if !text.is_empty() && text != nothing {
                    return text;
                }
            }
            Cow::Borrowed(&[][..])
        };
        let by_schema = || found.schema_name(record).map(str::as_bytes).unwrap_or_default();
        let by = |field| {
            let claim = found.claims(field, None, record).next()?;
            Some(&*found.convention(claim.rule.convention).name)
        };
        let (kind, source, version) = (words(Field::Type), words(Field::Source), words(Field::Version));
        let kind = if kind.is_empty() { by_schema().into() } else { kind };
        let convention = by(Field::Id).or_else(|| by(Field::Type)).unwrap_or_default();
        let draft = Draft { kind: &kind, source: &source, version: &version, convention };
        into.undecoded[Undecoded::Clipped as usize] += u64::from(draft.is_clipped());
        self.profiles.number(&draft, &mut into.profiles)
    }
}

/// Claims to two fields, in one order.
fn strongest_first<'s>(one: Claims<'s>, other: Claims<'s>) -> impl Iterator<Item = Claim<'s>> {
    let (mut one, mut other) = (one, other);
    let (mut first, mut second) = (one.next(), other.next());
    std::iter::from_fn(move || match (&first, &second) {
        (Some(a), Some(b)) if b.score < a.score => std::mem::replace(&mut second, other.next()),
        (Some(_), _) => std::mem::replace(&mut first, one.next()),
        (None, _) => std::mem::replace(&mut second, other.next()),
    })
}

/// Whether the value is one that its convention says means nothing.
fn ignored(claim: &Claim<'_>) -> bool {
    let ignore = &claim.rule.ignore;
    !ignore.is_empty() && ignore.iter().any(|word| word.as_bytes() == claim.raw.text().trim_ascii())
}

/// A fact as it is kept: a number where it is written as one.
fn attribute(claim: &Claim<'_>) -> AttributeValue {
    let text = text::field(claim.raw, &claim.rule.encoding);
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
    match number.filter(|number: &f64| number.is_finite()) {
        Some(number) => AttributeValue::Number(number),
        None => AttributeValue::Text(clip(&text, MAX_ATTRIBUTE_BYTES)),
    }
}

/// A size as it is stored; no record reaches the limit of the type.
fn bytes(of: Option<&[u8]>) -> i32 {
    of.map_or(0, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX))
}

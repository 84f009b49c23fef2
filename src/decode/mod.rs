//! `Record -> Envelope`: pure, total and table-driven. Any bytes decode to something.
//!
//! [`table`] holds the conventions as data: which header or member of the body says what, in which encoding. [`found`]
//! runs the table over one record; the rest reads the values that it points at.

mod compiled;
mod failure;
mod found;
mod json;
mod memory;
mod names;
mod offsets;
mod profile;
mod row;
mod schema;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod topic;

pub use failure::MAX_ERROR_BYTES;
pub use offsets::{CoordinatorRecord, offset_commit};
pub use profile::MAX_PROFILE_TEXT_BYTES;
pub use schema::{Framed, MAX_SCHEMA_BYTES, Reference, Schema, SchemaError, SchemaId, SchemaKind, Schemas, Unreadable};
pub use text::MAX_ID_BYTES;
pub use topic::class;

use crate::event::{
    Envelope, Envelopes, HashKey, Identifier, Kind, Record, Span, Timestamp, TopicPartition, TraceContext, Undecoded,
};
use compiled::TABLE;
use failure::Evidence;
use found::Found;
use profile::{Draft, Profiles};
use row::{Field, Refers};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use topic::Role;

/// Topics whose role is remembered; beyond, all are judged anew, which costs microseconds.
const MAX_ROLES: usize = 65_536;

/// Reads envelopes from records.
pub struct Decoder {
    ids: HashKey,
    keys: HashKey,
    found: Found,
    profiles: Profiles,
    roles: HashMap<Arc<str>, Role>,
    /// The topic of the record before, and its role.
    recent: Option<(Arc<str>, Role)>,
}

impl Decoder {
    /// `ids` is the database's key for ids that are no UUIDs, `keys` the secret for record keys.
    pub fn new(ids: HashKey, keys: HashKey) -> Self {
        let found = Found::new();
        Self { ids, keys, found, profiles: Profiles::default(), roles: HashMap::new(), recent: None }
    }

    /// The keyed hash under which the record key `key` is kept: what a search for a known key looks for.
    pub fn key_hash(&self, key: &[u8]) -> u64 {
        self.keys.hash(key)
    }

    /// Adds one row for `record` to `into`, which holds one fetch answer.
    pub fn decode(&mut self, partition: &TopicPartition, record: &Record<'_>, into: &mut Envelopes) {
        let role = self.role(&partition.topic);
        if role.is_internal() {
            // Internal records are no events: their bytes follow no convention of the business.
            self.found.clear();
        } else {
            self.found.read(record, &mut into.undecoded);
        }
        let evidence = Evidence { found: &self.found, record, topic: &partition.topic, role };
        let (kind, notice) = evidence.judge(&mut into.undecoded);
        let notice = notice.map(|notice| {
            into.notices.push(notice);
            into.notices.len() as u32 - 1
        });
        self.row(record, (kind, notice), into);
    }

    fn role(&mut self, topic: &Arc<str>) -> Role {
        if let Some((recent, role)) = &self.recent
            && (Arc::ptr_eq(recent, topic) || recent == topic)
        {
            return *role;
        }
        if self.roles.len() >= MAX_ROLES {
            self.roles.clear();
        }
        let role = *self.roles.entry(topic.clone()).or_insert_with(|| Role::of(topic));
        self.recent = Some((topic.clone(), role));
        role
    }

    fn row(&mut self, record: &Record<'_>, (kind, notice): (Kind, Option<u32>), into: &mut Envelopes) {
        let record_time = Timestamp::from_millis(record.timestamp_ms);
        let mut texts = [Span::default(); 3];
        let id = self.id(Refers::Itself, record, &mut texts[0], into);
        let causation = self.id(Refers::Cause, record, &mut texts[1], into);
        let correlation = self.id(Refers::Conversation, record, &mut texts[2], into);
        let trace = self.trace(record, &mut into.undecoded);
        let time = self.time(record, &mut into.undecoded).unwrap_or(record_time);
        let profile = self.profile(record, into);
        into.rows.push(Envelope {
            offset: record.offset,
            record_time,
            time,
            kind,
            says_root: id.is_some() && id == causation,
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
        });
    }

    /// The strongest claim to an id that can be understood.
    fn id(&self, refers: Refers, record: &Record<'_>, span: &mut Span, into: &mut Envelopes) -> Option<Identifier> {
        if !self.found.has(Field::Id(refers)) {
            return None;
        }
        for claim in self.found.claims(Field::Id(refers), None, record) {
            if let Some((id, text)) = text::identifier(claim.raw, &self.ids) {
                *span = text::keep(&mut into.arena, &id, &text);
                return Some(id);
            }
            into.undecoded[Undecoded::MalformedId as usize] += 1;
        }
        None
    }

    fn trace(&self, record: &Record<'_>, undecoded: &mut [u64]) -> Option<TraceContext> {
        for claim in self.found.claims(Field::Trace, None, record) {
            if let Some(trace) = TraceContext::parse(&claim.raw.text()) {
                return Some(trace);
            }
            undecoded[Undecoded::MalformedTrace as usize] += 1;
        }
        None
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

    fn profile(&mut self, record: &Record<'_>, into: &mut Envelopes) -> u32 {
        let found = &self.found;
        let text = |field| {
            if !found.has(field) {
                return Cow::Borrowed(&[][..]);
            }
            let claims = found.claims(field, None, record);
            claims.map(|claim| claim.raw.text()).find(|text| !text.is_empty()).unwrap_or_default()
        };
        let by = |field| {
            found.claims(field, None, record).next().map(|claim| TABLE.conventions[claim.convention as usize].name)
        };
        let (kind, source, version) = (text(Field::Type), text(Field::Source), text(Field::Version));
        let convention = by(Field::Id(Refers::Itself)).or_else(|| by(Field::Type)).unwrap_or_default();
        let draft = Draft { kind: &kind, source: &source, version: &version, convention };
        into.undecoded[Undecoded::Clipped as usize] += u64::from(draft.is_clipped());
        self.profiles.number(&draft, &mut into.profiles)
    }
}

/// A size as it is stored; no record reaches the limit of the type.
fn bytes(of: Option<&[u8]>) -> i32 {
    of.map_or(0, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX))
}

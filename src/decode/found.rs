//! The engine: runs the table over one record and keeps what it found.

use super::compiled::{Rule, TABLE};
use super::json::{NotJson, Scanner, Step, Value};
use super::memory::Memory;
use super::names::Folded;
use super::row::{Encoding, Failure, Field, Refers, Sign};
use super::text::{self, Raw};
use crate::event::{Record, Undecoded};

/// Headers looked at. No convention writes more than a few dozen; beyond, a record is counted as clipped.
const MAX_HEADERS: usize = 1024;

/// Finds kept of one record: repeated names above this are counted as clipped.
const MAX_FINDS: usize = 256;

/// Bytes of a body that are read for its envelope. Envelopes stand first or are small beside their data; beyond, the
/// record is counted as clipped.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// First byte of the Confluent wire format; four bytes of schema id follow.
const SCHEMA_MAGIC: u8 = 0;
/// Length of its prefix.
const SCHEMA_PREFIX: usize = 5;

/// Where a found value lies.
#[derive(Debug, Clone, Copy)]
enum Place {
    Header(u16),
    Body { start: u32, len: u32, escaped: bool },
}

/// One row that found its name.
#[derive(Debug, Clone, Copy)]
struct Find {
    /// Strength of the row above the order of occurrences: smaller is stronger.
    score: u64,
    row: u16,
    convention: u16,
    slot: u8,
    place: Place,
}

/// A value that a field may take.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// What was written.
    pub raw: Raw<'a>,
    /// How to read it.
    pub encoding: Encoding,
    /// Number of the convention.
    pub convention: u16,
}

/// What the table found on one record. Reused from record to record.
#[derive(Debug)]
pub struct Found {
    finds: Vec<Find>,
    /// Fields found, by convention.
    fields: Vec<u32>,
    /// Fields of all recognised conventions.
    held: u32,
    memory: Memory,
}

impl Found {
    /// Room for the finds of a record.
    pub fn new() -> Self {
        Self { finds: Vec::new(), fields: vec![0; TABLE.conventions.len()], held: 0, memory: Memory::new() }
    }

    /// Forgets the record before.
    pub fn clear(&mut self) {
        self.finds.clear();
        self.fields.fill(0);
        self.held = 0;
    }

    /// Runs the table over `record`.
    pub fn read(&mut self, record: &Record<'_>, undecoded: &mut [u64]) {
        self.clear();
        if record.headers.len() > MAX_HEADERS {
            undecoded[Undecoded::Clipped as usize] += 1;
        }
        for (order, header) in record.headers.iter().take(MAX_HEADERS).enumerate() {
            let Some(value) = header.value else { continue };
            let known = self.memory.recall(header.name);
            for at in 0..self.memory.rows(known).len() {
                self.keep(self.memory.rows(known)[at], Place::Header(order as u16), value);
            }
        }
        let all = self.survey();
        match record.value {
            Some(body) if self.wants_body() => {
                self.body(body, undecoded);
                self.recognise();
            }
            _ if !all => self.recognise(),
            _ => {}
        }
        if self.finds.len() >= MAX_FINDS {
            undecoded[Undecoded::Clipped as usize] += 1;
        }
    }

    /// True when a recognised convention found `field`.
    pub fn has(&self, field: Field) -> bool {
        self.held & field.bit() != 0
    }

    /// What recognised conventions make of a failure; `None` when none names one.
    pub fn failure(&self) -> Option<Failure> {
        let of = |find: &Find| TABLE.conventions[find.convention as usize].failure;
        let mut kinds = self.finds.iter().map(of).filter(|failure| *failure != Failure::No);
        let first = kinds.next()?;
        Some(if kinds.any(|kind| kind == Failure::DeadLetter) { Failure::DeadLetter } else { first })
    }

    /// All claims to `field`, strongest first; those of one convention when it is named.
    #[inline]
    pub fn claims<'s, 'a>(&'s self, field: Field, of: Option<u16>, record: &'s Record<'a>) -> Claims<'s, 'a> {
        let finds = if self.has(field) { &self.finds[..] } else { &[] };
        Claims { finds, record, slot: field.slot(), of, after: None }
    }

    fn keep(&mut self, row: u16, place: Place, value: &[u8]) {
        let Rule { convention, slot, encoding, strength, last } = TABLE.rules[row as usize];
        if let Encoding::BeginsWith(prefix) = encoding
            && !text::begins_with(value, prefix)
        {
            return;
        }
        if self.finds.len() >= MAX_FINDS {
            return;
        }
        let order = self.finds.len() as u64;
        let order = if last { MAX_FINDS as u64 - order } else { order };
        let score = u64::from(strength) << 32 | order;
        self.fields[convention as usize] |= 1 << slot;
        self.finds.push(Find { score, row, convention, slot, place });
    }

    /// Drops what belongs to conventions that are not recognised after all.
    fn recognise(&mut self) {
        let fields = &self.fields;
        self.finds.retain(|find| recognised(fields, find));
        self.held = self.finds.iter().fold(0, |held, find| held | 1 << find.slot);
    }

    /// Notes which fields recognised conventions hold; true when all are recognised.
    fn survey(&mut self) -> bool {
        let mut all = true;
        for find in &self.finds {
            if recognised(&self.fields, find) {
                self.held |= 1 << find.slot;
            } else {
                all = false;
            }
        }
        all
    }

    /// Whether the headers leave something for the body to say: it is read where they give no id, an id and neither type
    /// nor cause, or a content type that says so.
    fn wants_body(&self) -> bool {
        let answered =
            self.has(Field::Id(Refers::Itself)) && (self.has(Field::Type) || self.has(Field::Id(Refers::Cause)));
        !answered || self.has(Field::Sign(Sign::ContentType))
    }

    fn body(&mut self, body: &[u8], undecoded: &mut [u64]) {
        let schema = body.first() == Some(&SCHEMA_MAGIC) && body.len() >= SCHEMA_PREFIX;
        let skipped = if schema { SCHEMA_PREFIX } else { 0 };
        let cut = &body[..body.len().min(MAX_BODY_BYTES)];
        let Some(mut scanner) = Scanner::new(cut.get(skipped..).unwrap_or_default()) else {
            undecoded[Undecoded::NeedsSchema as usize] += u64::from(schema);
            return;
        };
        let before = self.finds.len();
        if self.members(&mut scanner, skipped).is_err() {
            if scanner.ran_out() && cut.len() < body.len() {
                undecoded[Undecoded::Clipped as usize] += 1;
                return;
            }
            // Half of a broken body proves nothing.
            self.forget(before);
            undecoded[Undecoded::MalformedBody as usize] += 1;
        }
    }

    fn forget(&mut self, from: usize) {
        self.finds.truncate(from);
        self.fields.fill(0);
        for find in &self.finds {
            self.fields[find.convention as usize] |= 1 << find.slot;
        }
    }

    /// Walks the members of the body's object, and of those objects in it that the table knows.
    fn members(&mut self, scanner: &mut Scanner<'_>, skipped: usize) -> Result<(), NotJson> {
        let mut parent: Option<Folded> = None;
        loop {
            let (key, value) = match scanner.step()? {
                Step::End => return Ok(()),
                Step::Leave => {
                    parent = None;
                    continue;
                }
                Step::Object(key) => (key, None),
                Step::Member(key, value) => (key, Some(value)),
            };
            let name = match &parent {
                None => Folded::new(key),
                Some(parent) => parent.member(key),
            };
            let entry = name.as_ref().and_then(|name| TABLE.members.find(name));
            for candidate in entry.iter().flat_map(|entry| &entry.candidates) {
                self.member(candidate.row, value, skipped + scanner.position());
            }
            if value.is_none() {
                if parent.is_none() && entry.is_some_and(|entry| entry.parent) {
                    parent = name;
                    scanner.enter();
                } else {
                    scanner.skip()?;
                }
            }
        }
    }

    fn member(&mut self, row: u16, value: Option<Value<'_>>, end: usize) {
        let (raw, escaped, behind) = match value {
            Some(Value::Text { raw, escaped }) => (raw, escaped, 1),
            Some(Value::Number(raw)) => (raw, false, 0),
            // Presence is all that a sign says; for other fields an object, a list or null is no value.
            _ if TABLE.rules[row as usize].slot >= Field::FIRST_SIGN => (&[][..], false, 0),
            _ => return,
        };
        let start = end.saturating_sub(raw.len() + behind) as u32;
        self.keep(row, Place::Body { start, len: raw.len() as u32, escaped }, raw);
    }
}

fn recognised(fields: &[u32], find: &Find) -> bool {
    let convention = find.convention as usize;
    TABLE.conventions[convention].holds(fields[convention])
}

/// Claims to one field, strongest first.
#[derive(Debug, Clone)]
pub struct Claims<'s, 'a> {
    finds: &'s [Find],
    record: &'s Record<'a>,
    slot: u8,
    of: Option<u16>,
    after: Option<u64>,
}

impl<'a> Iterator for Claims<'_, 'a> {
    type Item = Claim<'a>;

    #[inline]
    fn next(&mut self) -> Option<Claim<'a>> {
        let mut best: Option<&Find> = None;
        for find in self.finds {
            if find.slot == self.slot
                && self.of.is_none_or(|convention| convention == find.convention)
                && self.after.is_none_or(|after| find.score > after)
                && best.is_none_or(|best| find.score < best.score)
            {
                best = Some(find);
            }
        }
        let best = best?;
        self.after = Some(best.score);
        Some(best.claim(self.record))
    }
}

impl Find {
    fn claim<'a>(&self, record: &Record<'a>) -> Claim<'a> {
        let raw = match self.place {
            Place::Header(order) => {
                let header = record.headers.get(order as usize);
                Raw::of_header(header.and_then(|header| header.value).unwrap_or_default())
            }
            Place::Body { start, len, escaped } => {
                let end = start as usize + len as usize;
                let bytes = record.value.and_then(|body| body.get(start as usize..end)).unwrap_or_default();
                Raw { bytes, escaped }
            }
        };
        Claim { raw, encoding: TABLE.rules[self.row as usize].encoding, convention: self.convention }
    }
}

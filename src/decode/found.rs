//! The engine: runs the table over one record and keeps what it found.

use super::compiled::{Rule, TABLE};
use super::json::{NotJson, Scanner, Step, Value};
use super::names::{Candidate, Folded};
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
    convention: u16,
    slot: u8,
    encoding: Encoding,
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
#[derive(Debug, Default)]
pub struct Found {
    finds: Vec<Find>,
    /// Fields found, by convention.
    fields: Vec<u32>,
    /// Fields of all recognised conventions.
    held: u32,
}

impl Found {
    /// Room for the finds of a record.
    pub fn new() -> Self {
        Self { finds: Vec::new(), fields: vec![0; TABLE.conventions.len()], held: 0 }
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
            let (Some(value), Some(name)) = (header.value, Folded::new(header.name)) else { continue };
            let Some(entry) = TABLE.headers.find(&name) else { continue };
            for candidate in &entry.candidates {
                if candidate.exact.is_none_or(|exact| header.name.eq_ignore_ascii_case(exact.as_bytes())) {
                    self.keep(candidate, Place::Header(order as u16), value);
                }
            }
        }
        if self.wants_body()
            && let Some(body) = record.value
        {
            self.body(body, undecoded);
        }
        self.recognise();
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
    pub fn claims<'s, 'a>(
        &'s self,
        field: Field,
        of: Option<u16>,
        record: &'s Record<'a>,
    ) -> impl Iterator<Item = Claim<'a>> + use<'s, 'a> {
        let slot = field.slot();
        let mut last = None;
        std::iter::from_fn(move || {
            if self.held & field.bit() == 0 {
                return None;
            }
            let fits = |find: &&Find| find.slot == slot && of.is_none_or(|convention| convention == find.convention);
            let next = self.finds.iter().filter(fits).filter(|find| last.is_none_or(|last| find.score > last));
            let find = next.min_by_key(|find| find.score)?;
            last = Some(find.score);
            Some(find.claim(record))
        })
    }

    fn keep(&mut self, candidate: &Candidate, place: Place, value: &[u8]) {
        let Rule { convention, slot, encoding, strength, last } = TABLE.rules[candidate.row as usize];
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
        self.finds.push(Find { score, convention, slot, encoding, place });
    }

    /// Drops what belongs to conventions that are not recognised after all.
    fn recognise(&mut self) {
        let fields = &self.fields;
        self.finds.retain(|find| recognised(fields, find));
        self.held = self.finds.iter().fold(0, |held, find| held | 1 << find.slot);
    }

    /// Whether the headers leave something for the body to say: it is read where they give no id, an id and neither type
    /// nor cause, or a content type that says so.
    fn wants_body(&self) -> bool {
        let known = self.finds.iter().filter(|find| recognised(&self.fields, find));
        let held = known.fold(0u32, |held, find| held | 1 << find.slot);
        let has = |field: Field| held & field.bit() != 0;
        let answered = has(Field::Id(Refers::Itself)) && (has(Field::Type) || has(Field::Id(Refers::Cause)));
        !answered || has(Field::Sign(Sign::ContentType))
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
                self.member(candidate, value, skipped + scanner.position());
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

    fn member(&mut self, candidate: &Candidate, value: Option<Value<'_>>, end: usize) {
        let (raw, escaped, behind) = match value {
            Some(Value::Text { raw, escaped }) => (raw, escaped, 1),
            Some(Value::Number(raw)) => (raw, false, 0),
            // Presence is all that a sign says; for other fields an object, a list or null is no value.
            _ if TABLE.rules[candidate.row as usize].slot >= Field::FIRST_SIGN => (&[][..], false, 0),
            _ => return,
        };
        let start = end.saturating_sub(raw.len() + behind) as u32;
        self.keep(candidate, Place::Body { start, len: raw.len() as u32, escaped }, raw);
    }
}

fn recognised(fields: &[u32], find: &Find) -> bool {
    let convention = find.convention as usize;
    TABLE.conventions[convention].holds(fields[convention])
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
        Claim { raw, encoding: self.encoding, convention: self.convention }
    }
}

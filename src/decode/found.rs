//! The engine: runs the table over one record and keeps what it found.

use super::compiled::{Compiled, Rule, TABLE};
use super::json::{NotJson, Scanner, Step, Value};
use super::memory::{Memory, Place};
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
enum Lies {
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
    lies: Lies,
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
    table: &'static Compiled,
    finds: Vec<Find>,
    /// Fields found, by convention.
    fields: Vec<u32>,
    /// Fields of all recognised conventions.
    held: u32,
    /// The strongest find for each field that is held.
    best: [u16; Field::COUNT],
    /// Whether a convention that is recognised speaks of failures.
    failing: bool,
    memory: Memory,
}

impl Found {
    /// Room for the finds of a record.
    pub fn new() -> Self {
        Self {
            table: &TABLE,
            finds: Vec::new(),
            fields: vec![0; TABLE.conventions.len()],
            held: 0,
            best: [0; Field::COUNT],
            failing: false,
            memory: Memory::new(),
        }
    }

    /// Forgets the record before.
    pub fn clear(&mut self) {
        self.finds.clear();
        self.fields.fill(0);
        self.held = 0;
        self.failing = false;
    }

    /// Runs the table over `record`.
    pub fn read(&mut self, record: &Record<'_>, undecoded: &mut [u64]) {
        self.clear();
        if record.headers.len() > MAX_HEADERS {
            undecoded[Undecoded::Clipped as usize] += 1;
        }
        for (order, header) in record.headers.iter().take(MAX_HEADERS).enumerate() {
            let Some(value) = header.value else { continue };
            let known = self.memory.recall(Place::Headers, header.name);
            for at in 0..self.memory.rows(known).len() {
                self.keep(self.memory.rows(known)[at], Lies::Header(order as u16), value);
            }
        }
        let mut all = self.survey();
        if let Some(body) = record.value
            && self.wants_body()
        {
            self.body(body, undecoded);
            all = self.survey();
        }
        if !all {
            let (table, fields) = (self.table, &self.fields);
            self.finds.retain(|find| recognised(table, fields, find));
            self.survey();
        }
        if self.finds.len() >= MAX_FINDS {
            undecoded[Undecoded::Clipped as usize] += 1;
        }
    }

    /// True when a recognised convention found `field`.
    #[inline]
    pub fn has(&self, field: Field) -> bool {
        self.held & field.bit() != 0
    }

    /// What recognised conventions make of a failure; `None` when none names one.
    pub fn failure(&self) -> Option<Failure> {
        if !self.failing {
            return None;
        }
        let of = |find: &Find| TABLE.conventions[find.convention as usize].failure;
        let mut kinds = self.finds.iter().map(of).filter(|failure| *failure != Failure::No);
        let first = kinds.next()?;
        Some(if kinds.any(|kind| kind == Failure::DeadLetter) { Failure::DeadLetter } else { first })
    }

    /// All claims to `field`, strongest first; those of one convention when it is named.
    #[inline]
    pub fn claims<'s, 'a>(&'s self, field: Field, of: Option<u16>, record: &'s Record<'a>) -> Claims<'s, 'a> {
        let slot = field.slot();
        let finds = if self.has(field) { &self.finds[..] } else { &[] };
        let first = if of.is_none() { finds.get(self.best[slot as usize] as usize) } else { None };
        Claims { finds, record, slot, of, first, after: None }
    }

    fn keep(&mut self, row: u16, lies: Lies, value: &[u8]) {
        let Rule { convention, slot, encoding, strength, last } = self.table.rules[row as usize];
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
        self.finds.push(Find { score, row, convention, slot, lies });
    }

    /// Notes which fields recognised conventions hold, and which find is the strongest; true when all are recognised.
    fn survey(&mut self) -> bool {
        (self.held, self.failing) = (0, false);
        let mut all = true;
        for (at, find) in self.finds.iter().enumerate() {
            if !recognised(self.table, &self.fields, find) {
                all = false;
                continue;
            }
            let (bit, slot) = (1 << find.slot, find.slot as usize);
            let best = self.best[slot] as usize;
            if self.held & bit == 0 || find.score < self.finds[best].score {
                self.best[slot] = at as u16;
            }
            self.held |= bit;
            self.failing |= self.table.conventions[find.convention as usize].failure != Failure::No;
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
        let mut place = Place::Body;
        loop {
            let (key, value) = match scanner.step()? {
                Step::End => return Ok(()),
                Step::Leave => {
                    place = Place::Body;
                    continue;
                }
                Step::Object(key) => (key, None),
                Step::Member(key, value) => (key, Some(value)),
            };
            let known = self.memory.recall(place, key);
            for at in 0..self.memory.rows(known).len() {
                self.member(self.memory.rows(known)[at], value, skipped + scanner.position());
            }
            match (value, self.memory.parent(known)) {
                (None, Some(parent)) => {
                    place = Place::Member(parent);
                    scanner.enter();
                }
                (None, None) => scanner.skip()?,
                _ => {}
            }
        }
    }

    fn member(&mut self, row: u16, value: Option<Value<'_>>, end: usize) {
        let (raw, escaped, behind) = match value {
            Some(Value::Text { raw, escaped }) => (raw, escaped, 1),
            Some(Value::Number(raw)) => (raw, false, 0),
            // Presence is all that a sign says; for other fields an object, a list or null is no value.
            _ if self.table.rules[row as usize].slot >= Field::FIRST_SIGN => (&[][..], false, 0),
            _ => return,
        };
        let start = end.saturating_sub(raw.len() + behind) as u32;
        self.keep(row, Lies::Body { start, len: raw.len() as u32, escaped }, raw);
    }
}

#[inline]
fn recognised(table: &Compiled, fields: &[u32], find: &Find) -> bool {
    let convention = find.convention as usize;
    table.conventions[convention].holds(fields[convention])
}

/// Claims to one field, strongest first.
#[derive(Debug, Clone)]
pub struct Claims<'s, 'a> {
    finds: &'s [Find],
    record: &'s Record<'a>,
    slot: u8,
    of: Option<u16>,
    first: Option<&'s Find>,
    after: Option<u64>,
}

impl<'a> Iterator for Claims<'_, 'a> {
    type Item = Claim<'a>;

    #[inline]
    fn next(&mut self) -> Option<Claim<'a>> {
        if self.finds.is_empty() {
            return None;
        }
        let mut best = self.first.take();
        for find in if best.is_some() { &[] } else { self.finds } {
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
    #[inline]
    fn claim<'a>(&self, record: &Record<'a>) -> Claim<'a> {
        let raw = match self.lies {
            Lies::Header(order) => {
                let header = record.headers.get(order as usize);
                Raw::of_header(header.and_then(|header| header.value).unwrap_or_default())
            }
            Lies::Body { start, len, escaped } => {
                let end = start as usize + len as usize;
                let bytes = record.value.and_then(|body| body.get(start as usize..end)).unwrap_or_default();
                Raw { bytes, escaped }
            }
        };
        Claim { raw, encoding: TABLE.rules[self.row as usize].encoding, convention: self.convention }
    }
}

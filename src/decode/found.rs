//! The engine: runs the conventions over one record and keeps what they found.

mod notes;
mod walk;

use super::compiled::{Compiled, Recognition, Rule};
use super::lexicon::{Lexicon, framed, is_json};
use super::memory::Memory;
use super::names::Place;
use super::row::{Failure, Field, Says};
use super::schema::{SchemaId, Schemas};
use super::scope::Scope;
use super::text::Raw;
use super::{key, text};
use crate::event::{Record, Undecoded};
use std::sync::Arc;

pub use notes::{Notes, Spot};
pub use walk::Read;

/// Headers looked at. No convention writes more than a few dozen; beyond, a record is counted as clipped.
const MAX_HEADERS: usize = 1024;

/// Finds kept of one record: repeated names above this are counted as clipped.
const MAX_FINDS: usize = 256;

/// Bytes of a body that are read for its envelope. Envelopes stand first or are small beside their data; beyond, the
/// record is counted as clipped.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Slot of finds whose convention was not recognised.
const UNHEARD: u8 = u8::MAX;

/// Where a found value lies.
#[derive(Debug, Clone, Copy)]
enum Lies {
    Header(u16),
    Body {
        start: u32,
        len: u32,
        escaped: bool,
    },
    /// In the engine's own buffer, where wrapped values are unwrapped.
    Scratch {
        start: u32,
        len: u32,
        escaped: bool,
    },
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
pub struct Claim<'s> {
    /// What was written.
    pub raw: Raw<'s>,
    /// The row that found it.
    pub rule: &'s Rule,
    /// Order among all claims to all fields: smaller is stronger.
    pub score: u64,
}

/// What the conventions found on one record. Reused from record to record.
#[derive(Debug)]
pub struct Found {
    table: Arc<Compiled>,
    finds: Vec<Find>,
    /// Fields and conditions found, by convention.
    fields: Vec<u64>,
    /// Conventions of which anything was found.
    touched: Vec<u16>,
    /// What the headers found, while a body is read that may turn out to be none.
    kept: Vec<(u16, u64)>,
    /// Fields of all recognised conventions.
    held: u64,
    /// The strongest find for each field that is held.
    best: [u16; Field::COUNT],
    memory: Memory,
    scratch: Vec<u8>,
    notes: Option<Box<Notes>>,
    lexicon: Lexicon,
    /// The schema of the body, where it has one.
    schema: Option<SchemaId>,
    /// The body could not be read for lack of its schema.
    wants_schema: bool,
}

impl Found {
    /// Room for the finds of a record.
    pub fn new(table: Arc<Compiled>) -> Self {
        Self {
            finds: Vec::new(),
            fields: vec![0; table.conventions.len()],
            touched: Vec::new(),
            kept: Vec::new(),
            held: 0,
            best: [0; Field::COUNT],
            memory: Memory::new(),
            scratch: Vec::new(),
            notes: None,
            lexicon: Lexicon::default(),
            schema: None,
            wants_schema: false,
            table,
        }
    }

    /// Forgets the record before.
    pub fn clear(&mut self) {
        self.finds.clear();
        for convention in self.touched.drain(..) {
            self.fields[convention as usize] = 0;
        }
        self.held = 0;
        self.scratch.clear();
        self.note(|notes| *notes = Notes::default());
        self.schema = None;
        self.wants_schema = false;
    }

    /// The schema by which the body was to be read.
    pub fn schema(&self) -> Option<SchemaId> {
        self.schema
    }

    /// Reads bodies that need a schema by `schemas` from now on.
    pub fn learn(&mut self, schemas: Option<Arc<dyn Schemas>>) {
        self.lexicon.learn(schemas);
    }

    /// True when the body could not be read for lack of its schema.
    pub fn wants_schema(&self) -> bool {
        self.wants_schema
    }

    /// The full name of the type that the body of `record` has by its schema; none where the headers or the body name
    /// one.
    pub fn schema_name(&self, record: &Record<'_>) -> Option<&str> {
        let framed = if self.lexicon.is_open() { framed(record) } else { None }?;
        self.lexicon.known(framed.id)?.name(&framed)
    }

    /// Runs those conventions over `record` that count on its topic. `read_body`
    /// is asked once, when the headers leave something for the body to say. True when the body was read.
    pub fn read(
        &mut self,
        record: &Record<'_>,
        scope: &Scope,
        read_body: impl FnOnce(&[u8]) -> bool,
        undecoded: &mut [u64],
    ) -> bool {
        self.clear();
        let off = &scope.off[..];
        self.headers(record, undecoded);
        if let (Some(key), true) = (record.key, scope.reads_key) {
            self.key(key, off);
        }
        let mut all = self.survey(off);
        let body = record.value.filter(|body| self.wants_body() && read_body(body));
        if let Some(body) = body {
            self.body(record, body, undecoded);
            all = self.survey(off);
        }
        if !all {
            let (table, fields) = (&self.table, &self.fields);
            // No field has this slot: they claim nothing.
            let unheard = self.finds.iter_mut().filter(|find| !recognised(table, fields, off, find.convention));
            unheard.for_each(|find| find.slot = UNHEARD);
        }
        if self.finds.len() >= MAX_FINDS {
            undecoded[Undecoded::Clipped as usize] += 1;
        }
        if self.lexicon.is_open()
            && !self.has(Field::Type)
            && let Some(framed) = framed(record).filter(|framed| !is_json(framed.payload))
        {
            // The schema names the type, also where the body is not read.
            self.lexicon.look_up(framed.id);
        }
        body.is_some()
    }

    /// True when a recognised convention found `field`.
    #[inline]
    pub fn has(&self, field: Field) -> bool {
        self.held & field.bit() != 0
    }

    /// True when a recognised convention found anything in the body.
    pub fn body_spoke(&self) -> bool {
        self.finds.iter().any(|find| find.slot != UNHEARD && !matches!(find.lies, Lies::Header(_)))
    }

    /// The convention of this number.
    pub fn convention(&self, number: u16) -> &Recognition {
        &self.table.conventions[number as usize]
    }

    /// Recognised conventions, each once, in no order.
    pub fn conventions<'s>(&'s self, off: &'s [bool]) -> impl Iterator<Item = &'s Recognition> {
        let held = self.touched.iter().filter(move |number| recognised(&self.table, &self.fields, off, **number));
        held.map(|number| &self.table.conventions[*number as usize])
    }

    /// What recognised conventions make of a failure; `None` when none names one.
    pub fn failure(&self, off: &[bool]) -> Option<Failure> {
        let speaks = |failure: &Failure| *failure != Failure::No;
        self.conventions(off).map(|convention| convention.failure).filter(speaks).max_by_key(|failure| match failure {
            Failure::No | Failure::ByTopic => 0,
            Failure::Fault => 1,
            Failure::Retry => 2,
            Failure::DeadLetter => 3,
        })
    }

    /// All claims to `field`, strongest first; those of one convention when it is named.
    #[inline]
    pub fn claims<'s>(&'s self, field: Field, of: Option<u16>, record: &'s Record<'_>) -> Claims<'s> {
        let slot = field.slot();
        let finds = if self.has(field) { &self.finds[..] } else { &[] };
        let first = if of.is_none() { finds.get(self.best[slot as usize] as usize) } else { None };
        Claims { found: self, finds, record, slot, of, first, after: None }
    }

    fn headers(&mut self, record: &Record<'_>, undecoded: &mut [u64]) {
        if record.headers.len() > MAX_HEADERS {
            undecoded[Undecoded::Clipped as usize] += 1;
        }
        for (order, header) in record.headers.iter().take(MAX_HEADERS).enumerate() {
            self.named(Place::HEADERS, header.name, Lies::Header(order as u16), header.value);
        }
        let wrapped = |find: &Find| {
            let Lies::Header(order) = find.lies else { return false };
            let value = record.headers[order as usize].value.unwrap_or_default();
            text::is_wrapped(value, &self.table.rules[find.row as usize].encoding)
        };
        if self.finds.iter().any(wrapped) {
            self.unwrap_headers(record);
        }
    }

    /// Reads the headers once more, all of them from Base64: a mirror wrote them so.
    fn unwrap_headers(&mut self, record: &Record<'_>) {
        self.clear();
        self.note(|notes| notes.unwrapped.push("headers from Base64"));
        for (order, header) in record.headers.iter().take(MAX_HEADERS).enumerate() {
            let bytes =
                header.value.and_then(text::from_base64).filter(|b| self.scratch.len() + b.len() <= MAX_BODY_BYTES);
            let Some(bytes) = bytes else {
                self.named(Place::HEADERS, header.name, Lies::Header(order as u16), header.value);
                continue;
            };
            let start = self.scratch.len() as u32;
            let inner = Raw::of_header(&bytes);
            self.scratch.extend_from_slice(inner.bytes);
            let lies = Lies::Scratch { start, len: inner.bytes.len() as u32, escaped: inner.escaped };
            self.note(|notes| notes.place(lies, Spot::Header(order as u16)));
            self.named(Place::HEADERS, header.name, lies, Some(&bytes));
        }
    }

    /// Reads the record key as a Protocol Buffers message, for the conventions of the topic that ask for it.
    fn key(&mut self, key: &[u8], off: &[bool]) {
        let table = self.table.clone();
        let wanted = |row: u16| !off.get(table.rules[row as usize].convention as usize).copied().unwrap_or_default();
        for (number, value) in key::fields(key) {
            let start = self.scratch.len() as u32;
            self.scratch.extend_from_slice(&value);
            let lies = Lies::Scratch { start, len: value.len() as u32, escaped: false };
            self.note(|notes| notes.place(lies, Spot::KeyField(number)));
            for (_, row) in table.key_fields.iter().filter(|(field, row)| *field == number && wanted(*row)) {
                self.keep(*row, lies, Some(&value));
            }
        }
    }

    /// Something of this name lies there; `None` is a null.
    #[inline]
    fn named(&mut self, place: Place, name: &[u8], lies: Lies, value: Option<&[u8]>) -> Option<Place> {
        let known = self.memory.recall(&self.table.names, place, name);
        for at in 0..self.memory.rows(known).len() {
            self.keep(self.memory.rows(known)[at], lies, value);
        }
        self.memory.members(known)
    }

    fn keep(&mut self, row: u16, lies: Lies, value: Option<&[u8]>) {
        let Rule { convention, slot, strength, last, says, .. } = &self.table.rules[row as usize];
        let is_field = (*slot as usize) < Field::COUNT;
        if is_field && (value.is_none() || self.finds.len() >= MAX_FINDS)
            || says.as_ref().is_some_and(|says| !said(says, value))
        {
            return;
        }
        let fields = &mut self.fields[*convention as usize];
        if *fields == 0 {
            self.touched.push(*convention);
        }
        *fields |= 1 << slot;
        if !is_field {
            self.note(|notes| notes.condition(lies));
        } else {
            let order = self.finds.len() as u64;
            let order = if *last { MAX_FINDS as u64 - order } else { order };
            let score = u64::from(*strength) << 32 | order;
            self.finds.push(Find { score, row, convention: *convention, slot: *slot, lies });
        }
    }

    /// Notes which fields recognised conventions hold, and which find is the strongest; true when all are recognised.
    fn survey(&mut self, off: &[bool]) -> bool {
        self.held = 0;
        let mut all = true;
        for (at, find) in self.finds.iter().enumerate() {
            if !recognised(&self.table, &self.fields, off, find.convention) {
                all = false;
                continue;
            }
            let (bit, slot) = (1 << find.slot, find.slot as usize);
            let best = self.best[slot] as usize;
            if self.held & bit == 0 || find.score < self.finds[best].score {
                self.best[slot] = at as u16;
            }
            self.held |= bit;
        }
        all
    }

    /// Whether the headers leave something for the body to say: it is read where they give no id, an id and neither type
    /// nor cause, where one announces an envelope in the body, and where the user's own conventions read bodies.
    fn wants_body(&self) -> bool {
        let answered = self.has(Field::Id) && (self.has(Field::Type) || self.has(Field::CausationId));
        let announced = |number: &u16| {
            let convention = &self.table.conventions[*number as usize];
            convention.announces_body && convention.holds(self.fields[*number as usize])
        };
        !answered || self.table.house_reads_bodies || self.touched.iter().any(announced)
    }
}

fn said(says: &Says, value: Option<&[u8]>) -> bool {
    let word = || Raw::of_header(value.unwrap_or_default()).bytes.trim_ascii();
    match says {
        Says::Anything => true,
        Says::Uuid => text::is_uuid(word()),
        Says::Is(expected) => word().eq_ignore_ascii_case(expected.as_bytes()),
        Says::Begins(with) => word().get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes())),
    }
}

#[inline]
fn recognised(table: &Compiled, fields: &[u64], off: &[bool], convention: u16) -> bool {
    let convention = convention as usize;
    table.conventions[convention].holds(fields[convention]) && !off.get(convention).copied().unwrap_or_default()
}

/// Claims to one field, strongest first.
#[derive(Debug, Clone)]
pub struct Claims<'s> {
    found: &'s Found,
    finds: &'s [Find],
    record: &'s Record<'s>,
    slot: u8,
    of: Option<u16>,
    first: Option<&'s Find>,
    after: Option<u64>,
}

impl<'s> Iterator for Claims<'s> {
    type Item = Claim<'s>;

    #[inline]
    fn next(&mut self) -> Option<Claim<'s>> {
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
        Some(self.found.claim(best, self.record))
    }
}

impl Found {
    #[inline]
    fn claim<'s>(&'s self, find: &Find, record: &'s Record<'_>) -> Claim<'s> {
        let part = |bytes: &'s [u8], start: u32, len: u32| {
            bytes.get(start as usize..start as usize + len as usize).unwrap_or_default()
        };
        let raw = match find.lies {
            Lies::Header(order) => {
                let header = record.headers.get(order as usize);
                Raw::of_header(header.and_then(|header| header.value).unwrap_or_default())
            }
            Lies::Body { start, len, escaped } => {
                Raw { bytes: part(record.value.unwrap_or_default(), start, len), escaped }
            }
            Lies::Scratch { start, len, escaped } => Raw { bytes: part(&self.scratch, start, len), escaped },
        };
        Claim { raw, rule: &self.table.rules[find.row as usize], score: find.score }
    }
}

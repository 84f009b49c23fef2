//! The walk over a body, and over the texts inside it.

use super::super::json::{NotJson, Scanner, Step, Value, unescape};
use super::super::lexicon::{framed, is_json};
use super::super::names::Place;
use super::super::schema::{Framed, Schema, Unreadable};
use super::{Found, Lies, MAX_BODY_BYTES, Notes};
use crate::event::{Record, Undecoded};

/// Length of the prefix of the Confluent wire format.
const SCHEMA_PREFIX: usize = 5;

/// Bodies inside bodies that are followed: a JSON text in a JSON string.
const MAX_WRAPPINGS: u32 = 2;

impl Found {
    /// Reads the body of `record`, as far as it is JSON or becomes it by its schema.
    pub(super) fn body(&mut self, record: &Record<'_>, body: &[u8], undecoded: &mut [u64]) {
        let framed = framed(record);
        if let Some(framed) = framed.filter(|framed| !is_json(framed.payload)) {
            return self.by_schema(&framed, undecoded);
        }
        let skipped = framed.map_or(0, |framed| body.len() - framed.payload.len());
        let cut = &body[..body.len().min(MAX_BODY_BYTES)];
        let read = self.text(cut.get(skipped..).unwrap_or_default(), Base::Body(skipped), undecoded);
        self.note(|notes| notes.body = Some((read, framed.map(|framed| framed.id))));
        match (read, framed) {
            (Read::Whole, _) | (Read::NotJson, None) => {}
            (Read::RanOut, _) if cut.len() < body.len() => undecoded[Undecoded::Clipped as usize] += 1,
            (Read::NotJson, Some(framed)) => self.by_schema(&framed, undecoded),
            // A binary body may begin so too.
            (_, Some(framed)) if self.lexicon.look_up(framed.id).is_some_and(Schema::is_binary) => {
                self.by_schema(&framed, undecoded);
            }
            _ => undecoded[Undecoded::MalformedBody as usize] += 1,
        }
    }

    /// Reads a body by its schema, as JSON.
    fn by_schema(&mut self, framed: &Framed<'_>, undecoded: &mut [u64]) {
        self.note(|notes| notes.body = Some((Read::NotJson, Some(framed.id))));
        if self.lexicon.look_up(framed.id).is_none() {
            undecoded[Undecoded::NeedsSchema as usize] += 1;
            self.wants_schema = true;
            return;
        }
        // A count that begins with 0 looks like a schema id too: what no registry knows is none.
        self.schema = Some(framed.id);
        let (json, done) = self.lexicon.translate(framed);
        match done {
            Err(Unreadable::Malformed) => undecoded[Undecoded::MalformedBody as usize] += 1,
            Ok(()) | Err(Unreadable::TooLarge) => {
                let start = self.scratch.len();
                self.scratch.extend_from_slice(&json);
                let read = self.text(&json, Base::Scratch(start, 0), undecoded);
                self.note(|notes| {
                    notes.body = Some((read, Some(framed.id)));
                    notes.unwrapped.push("body from its binary form, by its schema");
                });
                undecoded[Undecoded::Clipped as usize] += u64::from(done.is_err() || matches!(read, Read::RanOut));
            }
        }
        self.lexicon.give_back(json);
    }

    /// Reads a text that may be JSON, and the JSON texts in its strings where they stand for the whole.
    fn text(&mut self, text: &[u8], base: Base, undecoded: &mut [u64]) -> Read {
        let Some(mut scanner) = Scanner::new(text) else {
            return match quoted(text) {
                Some(inner) if base.depth() < MAX_WRAPPINGS => {
                    self.note(|notes| notes.unwrapped.push("body from a JSON string"));
                    self.unquoted(inner, base, undecoded)
                }
                _ => Read::NotJson,
            };
        };
        let before = self.remember();
        let mut walk = Walk { base, payload: None, unwrapped: false, further: 0 };
        let done = walk.run(self, &mut scanner);
        undecoded[Undecoded::Batched as usize] += walk.further;
        match done {
            Ok(()) => match walk.payload {
                Some((start, len)) if base.depth() < MAX_WRAPPINGS => {
                    let inner = text.get(start..start + len).unwrap_or_default();
                    self.note(|notes| notes.unwrapped.push("body from a JSON string in Connect's schema and payload"));
                    // A string that is no JSON is business data.
                    self.unquoted(inner, base, undecoded);
                    Read::Whole
                }
                _ => Read::Whole,
            },
            Err(NotJson) => {
                let ran_out = scanner.ran_out();
                // Half of a broken body proves nothing; of one that was cut, what was read stands.
                if !ran_out || text.len() < MAX_BODY_BYTES - SCHEMA_PREFIX {
                    self.forget(before);
                }
                if ran_out { Read::RanOut } else { Read::Broken }
            }
        }
    }

    /// Reads the JSON text that the string `inner` holds.
    fn unquoted(&mut self, inner: &[u8], base: Base, undecoded: &mut [u64]) -> Read {
        let text = unescape(inner);
        if !matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
            || self.scratch.len() + text.len() > 2 * MAX_BODY_BYTES
        {
            return Read::NotJson;
        }
        let start = self.scratch.len();
        self.scratch.extend_from_slice(&text);
        self.text(&text, Base::Scratch(start, base.depth() + 1), undecoded)
    }

    fn remember(&mut self) -> usize {
        let Self { touched, fields, kept, .. } = self;
        kept.clear();
        kept.extend(touched.iter().map(|number| (*number, fields[*number as usize])));
        self.finds.len()
    }

    fn forget(&mut self, from: usize) {
        self.finds.truncate(from);
        for convention in self.touched.drain(..) {
            self.fields[convention as usize] = 0;
        }
        for (convention, fields) in self.kept.drain(..) {
            self.fields[convention as usize] = fields;
            self.touched.push(convention);
        }
    }
}

/// How the reading of a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// To its end.
    Whole,
    /// It begins as no JSON does.
    NotJson,
    /// It ends too early.
    RanOut,
    /// It is no JSON further on.
    Broken,
}

/// Where the text that is being read begins.
#[derive(Debug, Clone, Copy)]
enum Base {
    /// At this byte of the record's value.
    Body(usize),
    /// At this byte of the scratch buffer, inside so many others.
    Scratch(usize, u32),
}

impl Base {
    fn depth(self) -> u32 {
        match self {
            Self::Body(_) => 0,
            Self::Scratch(_, depth) => depth,
        }
    }
}

/// The text between the quotes of a JSON string that is all there is.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    text.trim_ascii().strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// One walk over the members of a JSON text.
struct Walk {
    base: Base,
    /// The string that holds the payload of a body that carries its schema.
    payload: Option<(usize, usize)>,
    /// The schema around the value was left behind.
    unwrapped: bool,
    /// Elements of a list of events beyond the first.
    further: u64,
}

impl Walk {
    /// Walks the members of the outermost object, and of those objects and lists in it that the table knows. Of a list
    /// of events the first one is read.
    fn run(&mut self, found: &mut Found, scanner: &mut Scanner<'_>) -> Result<(), NotJson> {
        if !scanner.in_list() {
            return self.members(found, scanner, Place::BODY);
        }
        let mut first = true;
        loop {
            match scanner.step()? {
                Step::End => return Ok(()),
                Step::Object(_) if first => {
                    first = false;
                    scanner.enter();
                    self.members(found, scanner, Place::BODY)?;
                }
                Step::Object(_) | Step::List(_) => {
                    self.further += u64::from(!first);
                    scanner.skip()?;
                }
                Step::Member(..) | Step::Leave => {}
            }
        }
    }

    fn members(&mut self, found: &mut Found, scanner: &mut Scanner<'_>, place: Place) -> Result<(), NotJson> {
        // Kafka Connect's converter writes `{"schema": …, "payload": …}` around the value.
        let mut has_schema = false;
        loop {
            let step = scanner.step()?;
            let (key, value) = match step {
                Step::End | Step::Leave => return Ok(()),
                Step::Object(key) | Step::List(key) => (key, None),
                Step::Member(key, value) => (key, Some(value)),
            };
            if place == Place::BODY && !self.unwrapped {
                has_schema |= key == b"schema" && matches!(value, None | Some(Value::Other));
                if has_schema && key == b"payload" {
                    self.payload(found, scanner, value)?;
                    continue;
                }
            }
            let (lies, bytes) = self.lies(value, scanner.position());
            found.note_member(place, step, lies);
            let members = found.named(place, key, lies, bytes);
            match (value, members) {
                (None, Some(members)) => {
                    scanner.enter();
                    found.note(|notes| notes.enter(key));
                    self.members(found, scanner, members)?;
                    found.note(Notes::leave);
                }
                (None, None) => scanner.skip()?,
                _ => {}
            }
        }
    }

    fn payload(
        &mut self,
        found: &mut Found,
        scanner: &mut Scanner<'_>,
        value: Option<Value<'_>>,
    ) -> Result<(), NotJson> {
        match value {
            None => {
                self.unwrapped = true;
                scanner.enter();
                found.note(Notes::unwrap_payload);
                let read = self.members(found, scanner, Place::BODY);
                found.note(Notes::leave);
                read
            }
            Some(Value::Text { raw, .. }) => {
                self.payload = Some((scanner.position().saturating_sub(raw.len() + 1), raw.len()));
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    /// Where `value` lies, which ends at `end`. Objects, lists and words are no values: their presence is all they say.
    fn lies<'v>(&self, value: Option<Value<'v>>, end: usize) -> (Lies, Option<&'v [u8]>) {
        let (raw, escaped, behind) = match value {
            Some(Value::Text { raw, escaped }) => (raw, escaped, 1),
            Some(Value::Number(raw)) => (raw, false, 0),
            _ => (&[][..], false, 0),
        };
        let (start, len) = (end.saturating_sub(raw.len() + behind), raw.len() as u32);
        let lies = match self.base {
            Base::Body(base) => Lies::Body { start: (base + start) as u32, len, escaped },
            Base::Scratch(base, _) => Lies::Scratch { start: (base + start) as u32, len, escaped },
        };
        (lies, matches!(value, Some(Value::Text { .. } | Value::Number(_))).then_some(raw))
    }
}

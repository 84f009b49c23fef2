//! Protobuf: the schema by `protox` and `prost_reflect`, the body by the table that is made of it.
//!
//! Fields are written in the order in which they lie. A field that comes twice and may not is written twice, and pieces
//! of one list that lie apart are written as several: serializers do neither.

mod compile;

use super::read::{Bytes, unzigzag};
use super::write::JsonText;
use super::{MAX_DEPTH, Reference, SchemaError, Unreadable};
use std::collections::HashMap;

/// Fields of one body that are looked at, known or not: it bounds the time for a body of any size.
const MAX_FIELDS: u32 = 100_000;
/// Nested types that lead to a message: as deep as the text may be.
const MAX_PATH: u64 = 64;

/// Number of a message or enum in its table.
type At = u32;

/// A compiled schema.
#[derive(Debug)]
pub struct Protobuf {
    messages: Vec<Shape>,
    symbols: Vec<HashMap<i32, Box<str>>>,
    /// The messages of the file, and which are nested in which.
    tree: Vec<Branch>,
}

#[derive(Debug)]
struct Branch {
    message: At,
    nested: Vec<Branch>,
}

#[derive(Debug)]
struct Shape {
    name: String,
    /// By number.
    fields: Vec<Field>,
    stands_for: StandsFor,
}

/// What a message is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StandsFor {
    /// An object with its fields.
    Itself,
    /// A time: seconds and nanoseconds.
    Time,
    /// The value of its only field, or these words when it has none.
    Content(&'static str),
}

#[derive(Debug)]
struct Field {
    number: u32,
    label: Box<[u8]>,
    value: Value,
    many: Many,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Many {
    One,
    List,
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Signed32,
    Signed64,
    Unsigned,
    Zigzag,
    Bool,
    Symbol(At),
    /// The only symbol of Google's null.
    Null,
    Fixed32,
    Fixed64,
    SFixed32,
    SFixed64,
    Float,
    Double,
    Text,
    Bytes,
    Message(At),
}

/// A field as it lies in a body.
#[derive(Debug, Clone, Copy)]
enum Raw<'a> {
    Varint(u64),
    Eight([u8; 8]),
    Four([u8; 4]),
    Long(&'a [u8]),
}

impl Protobuf {
    /// Compiles `text`, which is the source or a file descriptor in base 64, and what it imports.
    pub fn parse(text: &str, references: &[Reference]) -> Result<Self, SchemaError> {
        compile::parse(text, references)
    }

    /// The message that the indexes at the front of `input` lead to.
    pub fn message(&self, input: &mut Bytes<'_>) -> Result<u32, Unreadable> {
        let count = u64::try_from(input.zigzag()?).map_err(|_| Unreadable::Malformed)?;
        let (mut among, mut message) = (&self.tree, None);
        // No index at all means the first message.
        for at in 0..count.clamp(1, MAX_PATH) {
            let index = if count == 0 { 0 } else { input.zigzag()? };
            let branch = usize::try_from(index).ok().and_then(|index| among.get(index));
            let branch = branch.ok_or(Unreadable::Malformed)?;
            (among, message) = (&branch.nested, Some(branch.message));
            if at + 1 == MAX_PATH && count > MAX_PATH {
                return Err(Unreadable::TooLarge);
            }
        }
        message.ok_or(Unreadable::Malformed)
    }

    /// The full name of `message`.
    pub fn name(&self, message: u32) -> &str {
        &self.messages[message as usize].name
    }

    /// Writes the `message` that `payload` holds.
    pub fn write(&self, message: u32, payload: Bytes<'_>, json: &mut JsonText<'_>) -> Result<(), Unreadable> {
        let mut writing = Writing { of: self, json, left: MAX_FIELDS };
        writing.message(message, payload, 0)
    }
}

/// One body on its way.
struct Writing<'s, 'j, 'b> {
    of: &'s Protobuf,
    json: &'j mut JsonText<'b>,
    left: u32,
}

impl Writing<'_, '_, '_> {
    fn message(&mut self, message: At, mut input: Bytes<'_>, depth: u32) -> Result<(), Unreadable> {
        if depth >= MAX_DEPTH {
            return Err(Unreadable::TooLarge);
        }
        let shape = &self.of.messages[message as usize];
        match shape.stands_for {
            StandsFor::Itself => self.members(shape, input, depth),
            StandsFor::Time => {
                let (mut seconds, mut nanos) = (0, 0);
                while let Some((number, raw)) = self.next(&mut input)? {
                    match (number, raw) {
                        (1, Raw::Varint(value)) => seconds = value as i64,
                        (2, Raw::Varint(value)) => nanos = value as i64,
                        _ => {}
                    }
                }
                self.json.time(i128::from(seconds) * 1_000_000_000 + i128::from(nanos), seconds)
            }
            StandsFor::Content(otherwise) => {
                let known = |number| shape.fields.iter().find(|field| field.number == number);
                match self.next(&mut input)? {
                    Some((number, raw)) if known(number).is_some_and(|field| field.many == Many::One) => {
                        let Some(field) = known(number) else { return Ok(()) };
                        self.value(field.value, raw, depth + 1)
                    }
                    Some((number, raw)) if let Some(field) = known(number) => {
                        self.many(field, raw, &mut input, depth).map(|_| ())
                    }
                    _ => self.json.put(otherwise.as_bytes()),
                }
            }
        }
    }

    fn members(&mut self, shape: &Shape, mut input: Bytes<'_>, depth: u32) -> Result<(), Unreadable> {
        self.json.put(b"{")?;
        let mut first = true;
        let mut ahead = None;
        while let Some((number, raw)) = match ahead.take() {
            Some(next) => Some(next),
            None => self.next(&mut input)?,
        } {
            let Ok(at) = shape.fields.binary_search_by_key(&number, |field| field.number) else { continue };
            let field = &shape.fields[at];
            if field.many == Many::One && !field.value.fits(raw) {
                continue;
            }
            self.json.comma(&mut first)?;
            self.json.put(&field.label)?;
            if field.many == Many::One {
                self.value(field.value, raw, depth + 1)?;
            } else {
                ahead = self.many(field, raw, &mut input, depth)?;
            }
        }
        self.json.put(b"}")
    }

    /// The items of `field` that lie one behind the other, beginning with `raw`; gives the field behind them.
    fn many<'a>(
        &mut self,
        field: &Field,
        mut raw: Raw<'a>,
        input: &mut Bytes<'a>,
        depth: u32,
    ) -> Result<Option<(u32, Raw<'a>)>, Unreadable> {
        let (open, close) = if field.many == Many::Map { (b"{", b"}") } else { (b"[", b"]") };
        self.json.put(open)?;
        let mut first = true;
        let behind = loop {
            match (field.many, field.value, raw) {
                (Many::Map, Value::Message(entry), Raw::Long(bytes)) => {
                    self.json.comma(&mut first)?;
                    self.entry(entry, bytes, depth + 1)?;
                }
                (Many::List, value, Raw::Long(bytes)) if !value.is_long() => {
                    let mut packed = Bytes::new(bytes);
                    while !packed.is_empty() {
                        self.json.comma(&mut first)?;
                        let item = value.unpack(&mut packed)?;
                        self.value(value, item, depth + 1)?;
                    }
                }
                (Many::List, value, raw) if value.fits(raw) => {
                    self.json.comma(&mut first)?;
                    self.value(value, raw, depth + 1)?;
                }
                _ => {}
            }
            match self.next(input)? {
                Some((number, next)) if number == field.number => raw = next,
                other => break other,
            }
        };
        self.json.put(close)?;
        Ok(behind)
    }

    /// One entry of a map: a message with key and value.
    fn entry(&mut self, entry: At, bytes: &[u8], depth: u32) -> Result<(), Unreadable> {
        let shape = &self.of.messages[entry as usize];
        let (mut key, mut value) = (None, None);
        let mut input = Bytes::new(bytes);
        while let Some((number, raw)) = self.next(&mut input)? {
            match number {
                1 => key = Some(raw),
                2 => value = Some(raw),
                _ => {}
            }
        }
        let of = |number: u32| shape.fields.iter().find(|field| field.number == number).map(|field| field.value);
        let (Some(key_of), Some(value_of)) = (of(1), of(2)) else { return Err(Unreadable::Malformed) };
        match key.filter(|raw| key_of.fits(*raw)) {
            Some(Raw::Long(text)) => self.json.text(text)?,
            Some(raw) => {
                self.json.put(b"\"")?;
                self.value(key_of, raw, depth)?;
                self.json.put(b"\"")?;
            }
            None => self.json.put(b"\"\"")?,
        }
        self.json.put(b":")?;
        match value.filter(|raw| value_of.fits(*raw)) {
            Some(raw) => self.value(value_of, raw, depth + 1),
            None => self.json.put(b"null"),
        }
    }

    fn value(&mut self, value: Value, raw: Raw<'_>, depth: u32) -> Result<(), Unreadable> {
        match (value, raw) {
            (Value::Signed32, Raw::Varint(number)) => self.json.show(number as i32),
            (Value::Signed64, Raw::Varint(number)) => self.json.show(number as i64),
            (Value::Unsigned, Raw::Varint(number)) => self.json.show(number),
            (Value::Zigzag, Raw::Varint(number)) => self.json.show(unzigzag(number)),
            (Value::Bool, Raw::Varint(number)) => self.json.show(number != 0),
            (Value::Symbol(at), Raw::Varint(number)) => match self.of.symbols[at as usize].get(&(number as i32)) {
                Some(symbol) => self.json.text(symbol.as_bytes()),
                None => self.json.show(number as i32),
            },
            (Value::Fixed32, Raw::Four(bytes)) => self.json.show(u32::from_le_bytes(bytes)),
            (Value::SFixed32, Raw::Four(bytes)) => self.json.show(i32::from_le_bytes(bytes)),
            (Value::Float, Raw::Four(bytes)) => self.json.float(f32::from_le_bytes(bytes).into()),
            (Value::Fixed64, Raw::Eight(bytes)) => self.json.show(u64::from_le_bytes(bytes)),
            (Value::SFixed64, Raw::Eight(bytes)) => self.json.show(i64::from_le_bytes(bytes)),
            (Value::Double, Raw::Eight(bytes)) => self.json.float(f64::from_le_bytes(bytes)),
            (Value::Text, Raw::Long(bytes)) => self.json.text(bytes),
            (Value::Bytes, Raw::Long(bytes)) => self.json.base64(bytes),
            (Value::Message(at), Raw::Long(bytes)) => self.message(at, Bytes::new(bytes), depth),
            _ => self.json.put(b"null"),
        }
    }

    /// The next field with its number; groups, which nobody writes any more, are stepped over.
    fn next<'a>(&mut self, input: &mut Bytes<'a>) -> Result<Option<(u32, Raw<'a>)>, Unreadable> {
        let mut groups = 0_u32;
        while !input.is_empty() {
            self.left = self.left.checked_sub(1).ok_or(Unreadable::TooLarge)?;
            let tag = u32::try_from(input.varint()?).map_err(|_| Unreadable::Malformed)?;
            let raw = match tag & 7 {
                0 => Raw::Varint(input.varint()?),
                1 => Raw::Eight(input.array()?),
                2 => {
                    let length = input.varint()?;
                    Raw::Long(input.take(length)?)
                }
                3 => {
                    groups += 1;
                    continue;
                }
                4 => {
                    groups = groups.checked_sub(1).ok_or(Unreadable::Malformed)?;
                    continue;
                }
                5 => Raw::Four(input.array()?),
                _ => return Err(Unreadable::Malformed),
            };
            if tag >> 3 == 0 {
                return Err(Unreadable::Malformed);
            }
            if groups == 0 {
                return Ok(Some((tag >> 3, raw)));
            }
        }
        if groups == 0 { Ok(None) } else { Err(Unreadable::Malformed) }
    }
}

impl Value {
    /// Whether it is written behind a length.
    fn is_long(self) -> bool {
        matches!(self, Self::Text | Self::Bytes | Self::Message(_))
    }

    /// Whether it can lie as `raw` does; a field that does not is as good as unknown.
    fn fits(self, raw: Raw<'_>) -> bool {
        match raw {
            Raw::Long(_) => self.is_long(),
            Raw::Four(_) => matches!(self, Self::Fixed32 | Self::SFixed32 | Self::Float),
            Raw::Eight(_) => matches!(self, Self::Fixed64 | Self::SFixed64 | Self::Double),
            Raw::Varint(_) => !self.is_long() && !self.fits(Raw::Four([0; 4])) && !self.fits(Raw::Eight([0; 8])),
        }
    }

    /// The next of several that lie packed.
    fn unpack<'a>(self, packed: &mut Bytes<'a>) -> Result<Raw<'a>, Unreadable> {
        if self.fits(Raw::Four([0; 4])) {
            return packed.array().map(Raw::Four);
        }
        if self.fits(Raw::Eight([0; 8])) {
            return packed.array().map(Raw::Eight);
        }
        packed.varint().map(Raw::Varint)
    }
}

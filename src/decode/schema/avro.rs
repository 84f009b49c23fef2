//! Avro: the schema by `apache_avro`, the body by the table that is made of it.

use super::read::Bytes;
use super::write::{JsonText, label};
use super::{MAX_DEPTH, MAX_NODES, Reference, SchemaError, Unreadable};
use crate::event::clip;
use apache_avro::Schema as Parsed;
use apache_avro::schema::{InnerDecimalSchema, NamespaceRef, UuidSchema};
use std::collections::HashMap;

/// Longest word of the parser that is repeated.
const MAX_REASON_BYTES: usize = 300;
/// Unscaled decimals beyond 16 bytes are written as bytes: no amount of money has so many digits.
const MAX_DECIMAL_BYTES: usize = 16;

/// Number of a node in its table.
type At = u32;

/// A compiled schema.
#[derive(Debug)]
pub struct Avro {
    nodes: Vec<Node>,
    root: At,
    name: Option<String>,
}

#[derive(Debug)]
enum Node {
    Null,
    Boolean,
    Integer,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(u64),
    Array(At),
    Map(At),
    Union(Box<[At]>),
    Record(Box<[(Box<[u8]>, At)]>),
    Symbols(Box<[String]>),
    /// Digits behind the point, and the size where it is fixed.
    Decimal(usize, Option<u64>),
    /// Bytes behind their length.
    UuidBytes,
    UuidFixed,
    /// Days since 1970.
    Date,
    /// Nanoseconds of its unit; whether it stands for a point in time.
    Time(i64, bool),
}

impl Avro {
    /// Compiles `text` and what it refers to.
    pub fn parse(text: &str, references: &[Reference]) -> Result<Self, SchemaError> {
        let malformed =
            |error: apache_avro::Error| SchemaError::Malformed(clip(error.to_string().as_bytes(), MAX_REASON_BYTES));
        let others = references.iter().map(|reference| reference.text.as_str());
        let (main, others) = Parsed::parse_str_with_list(text, others).map_err(malformed)?;
        let mut compiler = Compiler::default();
        others.iter().chain([&main]).for_each(|schema| compiler.collect(schema, None));
        let root = compiler.node(&main, None)?;
        let name = main.name().map(|name| name.fullname(None));
        Ok(Self { nodes: compiler.nodes, root, name })
    }

    /// The full name of the outermost type, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Writes the value that `payload` holds.
    pub fn write(&self, payload: &[u8], json: &mut JsonText<'_>) -> Result<(), Unreadable> {
        let mut input = Bytes::new(payload);
        if let Node::Bytes = self.nodes[self.root as usize] {
            // Kafka's serializers write bare bytes without their length.
            return json.base64(payload);
        }
        self.value(self.root, &mut input, json, 0)
    }

    fn value(&self, at: At, input: &mut Bytes<'_>, json: &mut JsonText<'_>, depth: u32) -> Result<(), Unreadable> {
        match &self.nodes[at as usize] {
            Node::Null => json.put(b"null"),
            Node::Boolean => match input.array()? {
                [0] => json.put(b"false"),
                [1] => json.put(b"true"),
                _ => Err(Unreadable::Malformed),
            },
            Node::Integer => json.show(input.zigzag()?),
            Node::Float => json.float(f32::from_le_bytes(input.array()?).into()),
            Node::Double => json.float(f64::from_le_bytes(input.array()?)),
            Node::Bytes => json.base64(input.counted()?),
            Node::Text => json.text(input.counted()?),
            Node::Fixed(size) => json.base64(input.take(*size)?),
            Node::Symbols(symbols) => {
                let number = usize::try_from(input.zigzag()?).map_err(|_| Unreadable::Malformed)?;
                json.text(symbols.get(number).ok_or(Unreadable::Malformed)?.as_bytes())
            }
            Node::Decimal(scale, size) => {
                let unscaled = if let Some(size) = size { input.take(*size)? } else { input.counted()? };
                decimal(unscaled, *scale, json)
            }
            Node::UuidFixed => json.uuid(input.array()?),
            Node::UuidBytes => match input.counted()? {
                bytes if bytes.len() == 16 => json.uuid(Bytes::new(bytes).array()?),
                bytes => json.text(bytes),
            },
            Node::Date | Node::Time(..) => self.time(at, input.zigzag()?, json),
            _ if depth >= MAX_DEPTH => Err(Unreadable::TooLarge),
            Node::Union(branches) => {
                let number = usize::try_from(input.zigzag()?).map_err(|_| Unreadable::Malformed)?;
                self.value(*branches.get(number).ok_or(Unreadable::Malformed)?, input, json, depth + 1)
            }
            Node::Record(fields) => {
                json.put(b"{")?;
                let mut first = true;
                for (label, field) in fields {
                    json.comma(&mut first)?;
                    json.put(label)?;
                    self.value(*field, input, json, depth + 1)?;
                }
                json.put(b"}")
            }
            Node::Array(_) | Node::Map(_) => self.blocks(at, input, json, depth),
        }
    }

    /// The items of an array or a map. Every item writes something, so that the limit of the text ends any count.
    fn blocks(&self, at: At, input: &mut Bytes<'_>, json: &mut JsonText<'_>, depth: u32) -> Result<(), Unreadable> {
        let (item, named, brackets) = match &self.nodes[at as usize] {
            Node::Map(item) => (*item, true, [b"{", b"}"]),
            Node::Array(item) => (*item, false, [b"[", b"]"]),
            _ => return Err(Unreadable::Malformed),
        };
        json.put(brackets[0])?;
        let mut first = true;
        loop {
            let count = input.zigzag()?;
            if count < 0 {
                // The size of the block in bytes, for those who step over it.
                input.zigzag()?;
            }
            for _ in 0..count.unsigned_abs() {
                json.comma(&mut first)?;
                if named {
                    json.text(input.counted()?)?;
                    json.put(b":")?;
                }
                self.value(item, input, json, depth + 1)?;
            }
            if count == 0 {
                return json.put(brackets[1]);
            }
        }
    }

    fn time(&self, at: At, value: i64, json: &mut JsonText<'_>) -> Result<(), Unreadable> {
        match self.nodes[at as usize] {
            Node::Date => match jiff::Timestamp::from_second(value.saturating_mul(86_400)) {
                Ok(day) => json.show(format_args!("\"{:.10}\"", day.to_string())),
                Err(_) => json.show(value),
            },
            Node::Time(unit, true) => json.time(i128::from(value) * i128::from(unit), value),
            _ => json.show(value),
        }
    }
}

/// A two's complement number, big-endian, with `scale` of its digits behind the point.
fn decimal(unscaled: &[u8], scale: usize, json: &mut JsonText<'_>) -> Result<(), Unreadable> {
    let Some(&first) = unscaled.first() else { return json.put(b"0") };
    if unscaled.len() > MAX_DECIMAL_BYTES || scale > 38 {
        return json.base64(unscaled);
    }
    let sign = if first & 0x80 == 0 { 0 } else { -1_i128 };
    let value = unscaled.iter().fold(sign, |value, &byte| value << 8 | i128::from(byte));
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let (minus, point) = (if value < 0 { "-" } else { "" }, if scale > 0 { "." } else { "" });
    json.show(format_args!("{minus}{whole}{point}{fraction}"))
}

/// Makes the table.
#[derive(Default)]
struct Compiler<'a> {
    nodes: Vec<Node>,
    /// Named types by full name, wherever they are written.
    written: HashMap<String, (&'a Parsed, Option<String>)>,
    /// Those that have their node.
    made: HashMap<String, At>,
}

impl<'a> Compiler<'a> {
    /// Notes all types that have a name, so that they are found whatever the order.
    fn collect(&mut self, schema: &'a Parsed, within: NamespaceRef<'_>) {
        let name = schema.name().filter(|_| !matches!(schema, Parsed::Ref { .. }));
        let space = name.and_then(|name| name.fully_qualified_name(within).namespace().map(str::to_owned));
        if let Some(name) = name {
            self.written.entry(name.fullname(within)).or_insert((schema, within.map(str::to_owned)));
        }
        let within = if name.is_some() { space.as_deref() } else { within };
        match schema {
            Parsed::Array(array) => self.collect(&array.items, within),
            Parsed::Map(map) => self.collect(&map.types, within),
            Parsed::Union(union) => union.variants().iter().for_each(|variant| self.collect(variant, within)),
            Parsed::Record(record) => record.fields.iter().for_each(|field| self.collect(&field.schema, within)),
            _ => {}
        }
    }

    fn node(&mut self, schema: &'a Parsed, within: NamespaceRef<'_>) -> Result<At, SchemaError> {
        let key = schema.name().map(|name| name.fullname(within));
        if let Some(&made) = key.as_ref().and_then(|key| self.made.get(key)) {
            return Ok(made);
        }
        if let (Parsed::Ref { .. }, Some(key)) = (schema, &key) {
            let unknown = || SchemaError::Malformed(format!("nothing defines the type {key}"));
            let (written, within) = self.written.get(key).cloned().ok_or_else(unknown)?;
            return self.node(written, within.as_deref());
        }
        if self.nodes.len() >= MAX_NODES {
            return Err(SchemaError::TooLarge("65,536 types"));
        }
        // The place is taken first: a type may hold itself.
        let at = self.nodes.len();
        self.nodes.push(Node::Null);
        let space = schema.name().and_then(|name| name.fully_qualified_name(within).namespace().map(str::to_owned));
        if let Some(key) = key {
            self.made.insert(key, at as At);
        }
        let inner = if schema.name().is_some() { space.as_deref() } else { within };
        self.nodes[at] = self.shape(schema, inner)?;
        Ok(at as At)
    }

    fn shape(&mut self, schema: &'a Parsed, within: NamespaceRef<'_>) -> Result<Node, SchemaError> {
        Ok(match schema {
            Parsed::Null | Parsed::Ref { .. } => Node::Null,
            Parsed::Boolean => Node::Boolean,
            Parsed::Int | Parsed::Long => Node::Integer,
            Parsed::Float => Node::Float,
            Parsed::Double => Node::Double,
            Parsed::Bytes | Parsed::BigDecimal => Node::Bytes,
            Parsed::String | Parsed::Uuid(UuidSchema::String) => Node::Text,
            Parsed::Array(array) => Node::Array(self.node(&array.items, within)?),
            Parsed::Map(map) => Node::Map(self.node(&map.types, within)?),
            Parsed::Union(union) => {
                let branches = union.variants().iter().map(|variant| self.node(variant, within));
                Node::Union(branches.collect::<Result<_, _>>()?)
            }
            Parsed::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|field| Ok((label(&field.name), self.node(&field.schema, within)?)));
                Node::Record(fields.collect::<Result<_, SchemaError>>()?)
            }
            Parsed::Enum(symbols) => Node::Symbols(symbols.symbols.clone().into()),
            Parsed::Fixed(fixed) | Parsed::Duration(fixed) => Node::Fixed(fixed.size as u64),
            Parsed::Decimal(decimal) => {
                let size = match &decimal.inner {
                    InnerDecimalSchema::Bytes => None,
                    InnerDecimalSchema::Fixed(fixed) => Some(fixed.size as u64),
                };
                Node::Decimal(decimal.scale, size)
            }
            Parsed::Uuid(UuidSchema::Bytes) => Node::UuidBytes,
            Parsed::Uuid(UuidSchema::Fixed(_)) => Node::UuidFixed,
            Parsed::Date => Node::Date,
            Parsed::TimestampMillis => Node::Time(1_000_000, true),
            Parsed::TimestampMicros => Node::Time(1_000, true),
            Parsed::TimestampNanos => Node::Time(1, true),
            Parsed::TimeMillis | Parsed::LocalTimestampMillis => Node::Time(1_000_000, false),
            Parsed::TimeMicros | Parsed::LocalTimestampMicros => Node::Time(1_000, false),
            Parsed::LocalTimestampNanos => Node::Time(1, false),
        })
    }
}

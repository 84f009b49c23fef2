//! Bodies whose meaning lies in a schema registry: the wire format, and how they become JSON.
//!
//! A schema is compiled once into a flat table; a body is then written as JSON text in one pass, without a tree, and read
//! like any other body. Nothing here asks the registry: [`Schemas`] answers from wherever schemas are kept.

mod avro;
mod protobuf;
mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::event::Identifier;
use read::Bytes;
use std::sync::Arc;
use write::JsonText;

/// Text of a schema and of all that it refers to. The largest that generators write have some hundred kilobytes.
pub const MAX_SCHEMA_BYTES: usize = 1 << 20;

/// Types that one schema may hold, with all that it refers to.
const MAX_NODES: usize = 65_536;

/// JSON that is written for one body: as much as is read of a body that is JSON itself.
pub const MAX_JSON_BYTES: usize = 256 * 1024;

/// Nesting of a body. Schemas that name themselves allow any; writers of JSON stop at about 100 too.
const MAX_DEPTH: u32 = 64;

/// First byte of a schema id as a number, before a body and in a header.
const NUMBER: u8 = 0;
/// First byte of a schema id as a GUID, in a header.
const GUID: u8 = 1;

/// How a schema is named on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaId {
    /// Number in one registry.
    Number(u32),
    /// The same in all registries.
    Guid([u8; 16]),
}

impl std::fmt::Display for SchemaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Guid(bytes) => f.write_str(&Identifier::from_bytes(*bytes).text().unwrap_or_default()),
        }
    }
}

/// Where schemas are kept.
pub trait Schemas: std::fmt::Debug + Send + Sync {
    /// The schema `id`; `None` when there is none, or none can be had now.
    fn get(&self, id: SchemaId) -> Option<Arc<Schema>>;
}

/// What a schema is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaKind {
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON Schema.
    Json,
}

/// The text of a schema that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// As the other schema names it: a file to import in Protobuf.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A schema that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SchemaError {
    /// It is larger, deeper or richer in types than what is taken.
    #[error("the schema has more than {0}")]
    TooLarge(&'static str),
    /// Its language does not allow it.
    #[error("the schema is not understood: {0}")]
    Malformed(String),
}

/// A body that is not what its schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It ends too early, or says what the schema does not allow.
    Malformed,
    /// It is nested deeper, or longer as JSON, than what is taken. What was written up to there stands.
    TooLarge,
}

/// A body in the wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed<'a> {
    /// Its schema.
    pub id: SchemaId,
    /// Which message of a Protobuf schema it is, where a header says so; else it stands before the payload.
    indexes: Option<&'a [u8]>,
    /// What is written by the schema, for Protobuf with the indexes.
    pub payload: &'a [u8],
}

impl<'a> Framed<'a> {
    /// The body that begins with a zero byte and the number of its schema.
    pub fn by_prefix(body: &'a [u8]) -> Option<Self> {
        let (&[NUMBER, a, b, c, d], payload) = body.split_first_chunk()? else { return None };
        Some(Self { id: SchemaId::Number(u32::from_be_bytes([a, b, c, d])), indexes: None, payload })
    }

    /// The body whose schema stands in the header `__value_schema_id`.
    pub fn by_header(header: &'a [u8], body: &'a [u8]) -> Option<Self> {
        let (&kind, rest) = header.split_first()?;
        let (id, indexes) = match kind {
            NUMBER => rest.split_first_chunk().map(|(id, rest)| (SchemaId::Number(u32::from_be_bytes(*id)), rest)),
            GUID => rest.split_first_chunk().map(|(id, rest)| (SchemaId::Guid(*id), rest)),
            _ => None,
        }?;
        Some(Self { id, indexes: Some(indexes), payload: body })
    }
}

/// A schema that bodies are read by.
#[derive(Debug)]
pub struct Schema(Form);

#[derive(Debug)]
enum Form {
    Avro(avro::Avro),
    Protobuf(protobuf::Protobuf),
    Json,
}

impl Schema {
    /// Understands `text`, which refers to `references`, the deepest first.
    ///
    /// # Errors
    /// Text that its language does not allow, or that is beyond a limit.
    pub fn parse(kind: SchemaKind, text: &str, references: &[Reference]) -> Result<Self, SchemaError> {
        if references.iter().map(|reference| reference.text.len()).sum::<usize>() + text.len() > MAX_SCHEMA_BYTES {
            return Err(SchemaError::TooLarge("1 MiB of text"));
        }
        Ok(Self(match kind {
            SchemaKind::Avro => Form::Avro(avro::Avro::parse(text, references)?),
            SchemaKind::Protobuf => Form::Protobuf(protobuf::Protobuf::parse(text, references)?),
            SchemaKind::Json => Form::Json,
        }))
    }

    /// What bodies are written in.
    pub fn kind(&self) -> SchemaKind {
        match &self.0 {
            Form::Avro(_) => SchemaKind::Avro,
            Form::Protobuf(_) => SchemaKind::Protobuf,
            Form::Json => SchemaKind::Json,
        }
    }

    /// Whether bodies are nothing without it.
    pub fn is_binary(&self) -> bool {
        self.kind() != SchemaKind::Json
    }

    /// The full name of the type that `body` has, if it has one.
    pub fn name(&self, body: &Framed<'_>) -> Option<&str> {
        match &self.0 {
            Form::Avro(avro) => avro.name(),
            Form::Protobuf(protobuf) => {
                let mut indexes = Bytes::new(body.indexes.unwrap_or(body.payload));
                protobuf.message(&mut indexes).ok().map(|message| protobuf.name(message))
            }
            Form::Json => None,
        }
    }

    /// Writes `body` as JSON behind what `into` holds, and gives the full name of the type that it has.
    ///
    /// # Errors
    /// A body that the schema does not fit. What was written before stands in `into` all the same.
    pub fn to_json(&self, body: &Framed<'_>, into: &mut Vec<u8>) -> Result<Option<&str>, Unreadable> {
        let mut json = JsonText::new(into);
        match &self.0 {
            Form::Avro(avro) => avro.write(body.payload, &mut json).map(|()| avro.name()),
            Form::Protobuf(protobuf) => {
                let mut payload = Bytes::new(body.payload);
                let message = match body.indexes {
                    Some(indexes) => protobuf.message(&mut Bytes::new(indexes)),
                    None => protobuf.message(&mut payload),
                }?;
                protobuf.write(message, payload, &mut json)?;
                Ok(Some(protobuf.name(message)))
            }
            Form::Json => json.put(body.payload).map(|()| None),
        }
    }
}

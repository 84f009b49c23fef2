//! The source of a Protobuf schema, and the table that is made of it.

use super::{At, Branch, Field, Many, Protobuf, Shape, StandsFor, Value};
use crate::decode::schema::write::label;
use crate::decode::schema::{MAX_NODES, Reference, SchemaError};
use crate::event::clip;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use protox::file::{File, FileResolver, GoogleFileResolver};
use std::collections::HashMap;

/// Name of the file that has none.
const MAIN: &str = "schema.proto";
/// Longest word of the parser that is repeated.
const MAX_REASON_BYTES: usize = 300;
/// Brackets within brackets in the source: its parser goes as deep, and people never do.
const MAX_TEXT_DEPTH: u32 = 64;

/// What Confluent's registry gives to every schema, whether it refers to it or not.
const BUILT_IN: &[(&str, &str)] = &[
    ("confluent/meta.proto", include_str!("../confluent/meta.proto")),
    ("confluent/type/decimal.proto", include_str!("../confluent/decimal.proto")),
];

/// Compiles `text`, which is the source or a file descriptor in base 64, and what it imports.
pub fn parse(text: &str, references: &[Reference]) -> Result<Protobuf, SchemaError> {
    if references.iter().map(|one| one.text.as_str()).chain([text]).any(is_deep) {
        return Err(SchemaError::TooLarge("64 brackets within brackets"));
    }
    let files = references.iter().map(|one| (one.name.clone(), one.text.clone()));
    let files = Files(files.chain([(MAIN.to_owned(), text.to_owned())]).collect());
    let malformed = |error: String| SchemaError::Malformed(clip(error.as_bytes(), MAX_REASON_BYTES));
    let mut compiler = protox::Compiler::with_file_resolver(files);
    compiler.include_imports(true);
    compiler.open_file(MAIN).map_err(|error| malformed(error.to_string()))?;
    let pool: DescriptorPool = compiler.descriptor_pool();
    let main = pool.get_file_by_name(MAIN).ok_or_else(|| malformed("it has no content".to_owned()))?;
    let mut table = Compiling::default();
    let tree = table.tree(&main)?;
    Ok(Protobuf { messages: table.messages, symbols: table.symbols, tree })
}

/// Whether brackets nest so deep that the parser could run out of stack.
fn is_deep(text: &str) -> bool {
    let mut depth = 0_u32;
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'/' if after.first() == Some(&b'/') => behind(after, b"\n"),
            b'/' if after.first() == Some(&b'*') => behind(&after[1..], b"*/"),
            b'"' | b'\'' => string(after, byte),
            _ => after,
        };
        match byte {
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_TEXT_DEPTH {
            return true;
        }
    }
    false
}

/// What follows the first `end`.
fn behind<'a>(text: &'a [u8], end: &[u8]) -> &'a [u8] {
    let at = text.windows(end.len()).position(|window| window == end);
    at.map_or(&[], |at| &text[at + end.len()..])
}

/// What follows the string that `quote` ends.
fn string(text: &[u8], quote: u8) -> &[u8] {
    let mut escaped = false;
    let end = text.iter().position(|&byte| {
        let ends = !escaped && byte == quote;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(&[], |at| &text[at + 1..])
}

/// Makes the table.
#[derive(Default)]
struct Compiling {
    messages: Vec<Shape>,
    symbols: Vec<HashMap<i32, Box<str>>>,
    made: HashMap<String, At>,
}

impl Compiling {
    fn tree(&mut self, file: &FileDescriptor) -> Result<Vec<Branch>, SchemaError> {
        file.messages().map(|message| self.branch(&message)).collect()
    }

    fn branch(&mut self, message: &MessageDescriptor) -> Result<Branch, SchemaError> {
        // Maps have a hidden message each, which the source does not show.
        let nested = message.child_messages().filter(|child| !child.is_map_entry());
        let nested = nested.map(|child| self.branch(&child)).collect::<Result<_, _>>()?;
        Ok(Branch { message: self.message(message)?, nested })
    }

    /// Gives `message` its place, and all messages that it leads to, one after the other: a chain may be long.
    fn message(&mut self, message: &MessageDescriptor) -> Result<At, SchemaError> {
        let mut open = Vec::new();
        let at = self.place(message, &mut open)?;
        while let Some((at, message)) = open.pop() {
            let mut fields = Vec::new();
            for field in message.fields() {
                fields.push(self.field(&field, &mut open)?);
            }
            fields.sort_by_key(|field| field.number);
            self.messages[at as usize].fields = fields;
        }
        Ok(at)
    }

    fn place(
        &mut self,
        message: &MessageDescriptor,
        open: &mut Vec<(At, MessageDescriptor)>,
    ) -> Result<At, SchemaError> {
        if let Some(&made) = self.made.get(message.full_name()) {
            return Ok(made);
        }
        if self.messages.len() + self.symbols.len() >= MAX_NODES {
            return Err(SchemaError::TooLarge("65,536 types"));
        }
        let at = self.messages.len() as At;
        let name = message.full_name().to_owned();
        self.messages.push(Shape { stands_for: stands_for(&name), name: name.clone(), fields: Vec::new() });
        self.made.insert(name, at);
        open.push((at, message.clone()));
        Ok(at)
    }

    fn field(
        &mut self,
        field: &FieldDescriptor,
        open: &mut Vec<(At, MessageDescriptor)>,
    ) -> Result<Field, SchemaError> {
        let value = match field.kind() {
            Kind::Int32 => Value::Signed32,
            Kind::Int64 => Value::Signed64,
            Kind::Uint32 | Kind::Uint64 => Value::Unsigned,
            Kind::Sint32 | Kind::Sint64 => Value::Zigzag,
            Kind::Bool => Value::Bool,
            Kind::Fixed32 => Value::Fixed32,
            Kind::Fixed64 => Value::Fixed64,
            Kind::Sfixed32 => Value::SFixed32,
            Kind::Sfixed64 => Value::SFixed64,
            Kind::Float => Value::Float,
            Kind::Double => Value::Double,
            Kind::String => Value::Text,
            Kind::Bytes => Value::Bytes,
            Kind::Enum(symbols) if symbols.full_name() == "google.protobuf.NullValue" => Value::Null,
            Kind::Enum(symbols) => Value::Symbol(self.symbols(&symbols)),
            Kind::Message(message) => Value::Message(self.place(&message, open)?),
        };
        let many = match (field.is_map(), field.is_list()) {
            (true, _) => Many::Map,
            (false, true) => Many::List,
            (false, false) => Many::One,
        };
        Ok(Field { number: field.number(), label: label(field.name()), value, many })
    }

    fn symbols(&mut self, of: &EnumDescriptor) -> At {
        if let Some(&made) = self.made.get(of.full_name()) {
            return made;
        }
        let at = self.symbols.len() as At;
        self.symbols.push(of.values().map(|value| (value.number(), value.name().into())).collect());
        self.made.insert(of.full_name().to_owned(), at);
        at
    }
}

/// Google's own messages that JSON has other words for.
fn stands_for(name: &str) -> StandsFor {
    match name.strip_prefix("google.protobuf.") {
        Some("Timestamp") => StandsFor::Time,
        Some("StringValue" | "BytesValue") => StandsFor::Content("\"\""),
        Some("BoolValue") => StandsFor::Content("false"),
        Some("Int32Value" | "Int64Value" | "UInt32Value" | "UInt64Value" | "FloatValue" | "DoubleValue") => {
            StandsFor::Content("0")
        }
        Some("Struct") => StandsFor::Content("{}"),
        Some("ListValue") => StandsFor::Content("[]"),
        Some("Value") => StandsFor::Content("null"),
        _ => StandsFor::Itself,
    }
}

/// The files of one schema; nothing is looked for on the disk.
struct Files(HashMap<String, String>);

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let built_in = || BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let Some(text) = self.0.get(name).map(String::as_str).or_else(built_in) else {
            return GoogleFileResolver::new().open_file(name);
        };
        // Some clients register the descriptor, and some registries hand it out: base 64 has no blank, source has one.
        if let Ok(bytes) = STANDARD.decode(text.trim())
            && let Ok(mut file) = FileDescriptorProto::decode(&*bytes)
        {
            file.name = Some(name.to_owned());
            return Ok(File::from_file_descriptor_proto(file));
        }
        File::from_source(name, text)
    }
}

//! The schemas that one decoder reads bodies by.

use super::schema::{Framed, Schema, SchemaId, Schemas, Unreadable};
use crate::event::Record;
use std::sync::Arc;

/// Header of serializers that write the schema id there, and the body as it is.
const SCHEMA_HEADER: &[u8] = b"__value_schema_id";

/// Schemas, and room for one body.
#[derive(Debug, Default)]
pub struct Lexicon {
    schemas: Option<Arc<dyn Schemas>>,
    /// The schema of the record before: most topics have one.
    recent: Option<(SchemaId, Arc<Schema>)>,
    json: Vec<u8>,
}

impl Lexicon {
    /// Reads by `schemas` from now on.
    pub fn learn(&mut self, schemas: Option<Arc<dyn Schemas>>) {
        (self.schemas, self.recent) = (schemas, None);
    }

    /// The schema `id`, asked for where it is not the one before. It may take as long as whoever keeps schemas lets it.
    pub fn look_up(&mut self, id: SchemaId) -> Option<&Schema> {
        if self.known(id).is_none() {
            self.recent = Some((id, self.schemas.as_ref()?.get(id)?));
        }
        self.known(id)
    }

    /// The schema `id`, if it was looked up last.
    pub fn known(&self, id: SchemaId) -> Option<&Schema> {
        self.recent.as_ref().filter(|(known, _)| *known == id).map(|(_, schema)| &**schema)
    }

    /// Writes the body as JSON by the schema that was looked up last. The text is the caller's until it gives it back.
    pub fn translate(&mut self, body: &Framed<'_>) -> (Vec<u8>, Result<(), Unreadable>) {
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        let done = self.known(body.id).map_or(Err(Unreadable::Malformed), |schema| schema.to_json(body, &mut json));
        (json, done.map(|_| ()))
    }

    /// Takes the room back.
    pub fn give_back(&mut self, json: Vec<u8>) {
        self.json = json;
    }
}

/// The body of `record` in the wire format, by its header or by how it begins.
pub fn framed<'a>(record: &Record<'a>) -> Option<Framed<'a>> {
    let body = record.value?;
    let header = record.headers.iter().find(|header| header.name == SCHEMA_HEADER).and_then(|header| header.value);
    header.and_then(|header| Framed::by_header(header, body)).or_else(|| Framed::by_prefix(body))
}

/// Whether `text` begins as JSON does: then it needs no schema to be read.
pub fn is_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'))
}

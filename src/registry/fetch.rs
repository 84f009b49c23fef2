//! One schema with all that it refers to.

use super::ask::{Asker, segment};
use super::error::Error;
use crate::decode::{Reference, Schema, SchemaId, SchemaKind};
use serde_json::Value;
use std::collections::HashSet;

/// Other schemas that one refers to, directly or not. Shared types are a few dozen.
const MAX_REFERENCES: usize = 256;

/// The schema `id`; `None` when the registry has none.
pub(super) fn schema(asker: &mut Asker, id: SchemaId) -> Result<Option<Schema>, Error> {
    let path = match id {
        SchemaId::Number(number) => format!("/schemas/ids/{number}"),
        SchemaId::Guid(guid) => {
            let hex = format!("{:032x}", u128::from_be_bytes(guid));
            let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
            format!("/schemas/guids/{}", parts.join("-"))
        }
    };
    asker.get(&path)?.map(|answer| understood(asker, &answer)).transpose()
}

/// The schema in an answer that holds its text, its kind and its references.
pub(super) fn understood(asker: &mut Asker, answer: &Value) -> Result<Schema, Error> {
    let kind = match answer["schemaType"].as_str() {
        None | Some("AVRO") => SchemaKind::Avro,
        Some("PROTOBUF") => SchemaKind::Protobuf,
        Some("JSON") => SchemaKind::Json,
        Some(other) => return Err(odd(asker, format!("with a schema of the unknown kind {other:?}"))),
    };
    let Some(text) = answer["schema"].as_str() else { return Err(odd(asker, "without a schema".to_owned())) };
    let references = if kind == SchemaKind::Json { Vec::new() } else { references(asker, answer)? };
    Ok(Schema::parse(kind, text, &references)?)
}

/// Follows references, each once.
fn references(asker: &mut Asker, answer: &Value) -> Result<Vec<Reference>, Error> {
    let mut found = Vec::new();
    let (mut seen, mut texts) = (HashSet::new(), HashSet::new());
    let mut open = named(answer);
    while let Some((name, subject, version)) = open.pop() {
        if !seen.insert((name.clone(), subject.clone(), version)) {
            continue;
        }
        if seen.len() > MAX_REFERENCES {
            return Err(Error::References(MAX_REFERENCES));
        }
        let path = format!("/subjects/{}/versions/{version}", segment(&subject));
        let Some(answer) = asker.get(&path)? else {
            return Err(odd(asker, format!("without version {version} of {subject:?}, which the schema refers to")));
        };
        let Some(text) = answer["schema"].as_str() else { return Err(odd(asker, "without a schema".to_owned())) };
        // One type under two subjects would be defined twice.
        if texts.insert((name.clone(), text.to_owned())) {
            found.push(Reference { name, text: text.to_owned() });
        }
        open.extend(named(&answer));
    }
    Ok(found)
}

fn named(answer: &Value) -> Vec<(String, String, i64)> {
    let references = answer["references"].as_array().map(Vec::as_slice).unwrap_or_default();
    let reference = |one: &Value| {
        Some((one["name"].as_str()?.to_owned(), one["subject"].as_str()?.to_owned(), one["version"].as_i64()?))
    };
    references.iter().filter_map(reference).collect()
}

fn odd(asker: &Asker, what: String) -> Error {
    Error::Odd { address: asker.addresses().join(","), what }
}

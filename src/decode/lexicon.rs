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

    /// Whether there are schemas to ask for.
    pub fn is_open(&self) -> bool {
        self.schemas.is_some()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Decoder, SchemaKind};
    use crate::event::{Envelopes, HashKey, Header, TopicPartition, Undecoded};
    use std::collections::HashMap;

    const PLACED: &str = r#"{"type":"record","name":"OrderPlaced","namespace":"shop","fields":[
        {"name":"metadata","type":{"type":"record","name":"M","fields":[
            {"name":"eventId","type":"string"},{"name":"causationId","type":["null","string"]}]}},
        {"name":"data","type":"bytes"}]}"#;
    const PLAIN: &str = r#"{"type":"record","name":"Temperature","fields":[{"name":"celsius","type":"double"}]}"#;

    #[derive(Debug)]
    struct Fixed(HashMap<SchemaId, Arc<Schema>>);

    impl Schemas for Fixed {
        fn get(&self, id: SchemaId) -> Option<Arc<Schema>> {
            self.0.get(&id).cloned()
        }
    }

    fn decoder() -> Decoder {
        let avro = |text| Arc::new(Schema::parse(SchemaKind::Avro, text, &[]).unwrap());
        let json = Arc::new(Schema::parse(SchemaKind::Json, "{}", &[]).unwrap());
        let ids = [(7, avro(PLACED)), (8, avro(PLAIN)), (9, json)];
        let mut all: HashMap<_, _> = ids.into_iter().map(|(id, schema)| (SchemaId::Number(id), schema)).collect();
        all.insert(SchemaId::Guid([5; 16]), avro(PLACED));
        Decoder::new(HashKey([1; 16]), HashKey([2; 16])).with_schemas(Some(Arc::new(Fixed(all))))
    }

    /// Id, cause and type of a record, and what was counted.
    fn read(decoder: &mut Decoder, headers: &[Header<'_>], body: &[u8]) -> (Vec<String>, Vec<&'static str>) {
        let partition = TopicPartition { cluster: "c".into(), topic: "t".into(), topic_id: [0; 16], partition: 0 };
        let record = Record { offset: 1, timestamp_ms: 1, key: None, value: Some(body), headers };
        let mut into = Envelopes::default();
        decoder.decode(&partition, &record, &mut into);
        let row = &into.rows[0];
        let ids = row.id.is_some().then(|| into.arena.get(row.texts[0]).to_owned()).into_iter();
        let causes = row.causation.is_some().then(|| into.arena.get(row.texts[1]).to_owned());
        let kind = into.profiles.get(row.profile as usize).map(|profile| profile.kind.clone()).unwrap_or_default();
        let counted = Undecoded::ALL.into_iter().filter(|reason| into.undecoded[*reason as usize] > 0);
        (ids.chain(causes).chain([kind]).collect(), counted.map(Undecoded::as_str).collect())
    }

    #[test]
    fn a_body_is_read_by_the_schema_that_its_prefix_or_its_header_names() {
        let payload = b"\x06e-1\x02\x06e-0\x00";
        let by_prefix = [b"\0\0\0\0\x07", &payload[..]].concat();
        let wanted = (vec!["e-1".to_owned(), "e-0".into(), "shop.OrderPlaced".into()], vec![]);
        assert_eq!(read(&mut decoder(), &[], &by_prefix), wanted);
        let guid = [&[1][..], &[5; 16]].concat();
        for id in [&b"\0\0\0\0\x07"[..], &guid] {
            let header = Header { name: SCHEMA_HEADER, value: Some(id) };
            assert_eq!(read(&mut decoder(), &[header], payload), wanted);
        }
    }

    #[test]
    fn what_cannot_be_read_is_counted_for_what_it_is() {
        let counted = |body: &[u8]| read(&mut decoder(), &[], body).1;
        assert_eq!(counted(b"\0\0\0\0\x03abc"), ["needs_schema"]);
        assert_eq!(counted(b"\0\0\0\0\x07\x7f"), ["malformed_body"]);
        assert_eq!(counted(b"\0\0\0\0\x09{\"a\":1}"), [""; 0]);
        assert_eq!(counted(b"\0\0\0\0\x03{\"a\":1}"), [""; 0]);
        assert_eq!(counted(b"\0\0\0\0\x09{\"a\""), ["malformed_body"]);
        assert_eq!(counted(b"\0\0\0"), [""; 0]);
        let plain = read(&mut Decoder::new(HashKey([1; 16]), HashKey([2; 16])), &[], b"\0\0\0\0\x07abc");
        assert_eq!(plain.1, ["needs_schema"]);
    }

    #[test]
    fn a_partition_without_envelopes_keeps_its_types_and_finds_its_schema_later() {
        let mut decoder = decoder();
        for _ in 0..300 {
            let (read, counted) = read(&mut decoder, &[], b"\0\0\0\0\x08\0\0\0\0\0\0\xf0\x3f");
            assert_eq!((read, counted), (vec!["Temperature".to_owned()], vec![]));
        }
        for _ in 0..300 {
            assert_eq!(read(&mut decoder, &[], b"\0\0\0\0\x03abc").1, ["needs_schema"], "it may be there next time");
        }
    }
}

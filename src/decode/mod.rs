//! `Record -> Envelope`: pure, total and table-driven. Any bytes decode to something.

use crate::event::{Envelopes, HashKey, Record, TopicClass, TopicPartition};

/// Reads envelopes from records.
pub struct Decoder {
    ids: HashKey,
    keys: HashKey,
}

impl Decoder {
    /// `ids` is the database's key for ids that are no UUIDs, `keys` the secret for record keys.
    pub fn new(ids: HashKey, keys: HashKey) -> Self {
        Self { ids, keys }
    }

    /// Adds one row for `record` to `into`, which holds one fetch answer.
    pub fn decode(&mut self, partition: &TopicPartition, record: &Record<'_>, into: &mut Envelopes) {
        let _ = (&self.ids, &self.keys, partition, record, into);
        todo!()
    }
}

/// What `topic` is for, by its name alone.
pub fn class(topic: &str) -> TopicClass {
    let _ = topic;
    todo!()
}

//! Whose records these are.
//!
//! librdkafka reads on under the old offset when a topic is deleted and created again, and says nothing. So the broker
//! that gave the records is asked, after they came, under which id it knows the topic: one id lives once, and what was
//! read before the answer belongs to it.

use crate::event::TopicPartition;
use crate::kafka::cluster::topic_name;
use crate::kafka::connection::Connection;
use crate::kafka::error::Error;
use crate::kafka::fetcher::Shared;
use crate::kafka::security::Security;
use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A broker without topic ids, or one that does not know this topic.
const NO_ID: [u8; 16] = [0; 16];

/// See the module.
pub(super) struct Vouch {
    address: String,
    security: Arc<Security>,
    stop: Arc<AtomicBool>,
    link: Option<Connection>,
}

impl Vouch {
    pub(super) fn new(address: String, shared: &Shared) -> Self {
        Self { address, security: Arc::clone(&shared.security), stop: Arc::clone(&shared.stop), link: None }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The broker has another address now.
    pub(super) fn moved(&mut self, address: String) {
        self.address = address;
        self.link = None;
    }

    /// The topics among those of `partitions` that go by another id now.
    pub(super) fn others(&mut self, partitions: &[&Arc<TopicPartition>]) -> Result<HashSet<Arc<str>>, Error> {
        let known: HashMap<&Arc<str>, [u8; 16]> = partitions
            .iter()
            .filter(|partition| partition.topic_id != NO_ID)
            .map(|partition| (&partition.topic, partition.topic_id))
            .collect();
        if known.is_empty() {
            return Ok(HashSet::new());
        }
        let name = |topic: &&Arc<str>| MetadataRequestTopic::default().with_name(Some(topic_name(topic)));
        let names: Vec<MetadataRequestTopic> = known.keys().map(name).collect();
        let request = MetadataRequest::default().with_topics(Some(names)).with_allow_auto_topic_creation(false);
        let answer = match self.link.take().map(|link| self.ask(link, &request)) {
            Some(Ok(answer)) => answer,
            Some(Err(error)) if !error.is_connection() => return Err(error),
            // None yet, or one that the broker has closed since.
            _ => {
                let link = Connection::open(&self.address, &self.security, &self.stop)?;
                self.ask(link, &request)?
            }
        };
        let differs = |(topic, id): (&Arc<str>, [u8; 16])| {
            let now = answer.iter().find(|(name, _)| **name == **topic).map_or(NO_ID, |(_, id)| *id);
            (now != NO_ID && now != id).then(|| Arc::clone(topic))
        };
        Ok(known.into_iter().filter_map(differs).collect())
    }

    fn ask(&mut self, mut link: Connection, request: &MetadataRequest) -> Result<Vec<(String, [u8; 16])>, Error> {
        let answer = link.call(request)?;
        self.link = Some(link);
        let named = |topic: &kafka_protocol::messages::metadata_response::MetadataResponseTopic| {
            Some((topic.name.as_ref()?.as_str().to_owned(), *topic.topic_id.as_bytes()))
        };
        Ok(answer.topics.iter().filter_map(named).collect())
    }
}

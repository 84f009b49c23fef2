//! One client and the partitions that it reads: no more than librdkafka bears.

use super::client::{Client, Key};
use super::settings::settings;
use crate::event::{GapReason, TopicPartition};
use crate::kafka::clock;
use crate::kafka::fetcher::Shared;
use crate::kafka::lineup::{Departure, Reading};
use crate::kafka::security::Security;
use rdkafka::error::KafkaError;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Partitions of one client at one broker: at 5,000 it idles at 2 % of a core, at 8,000 at 21 %, at 10,000 at 73 %.
const PARTITIONS_MAX: usize = 5_000;
/// Topics that a client may have heard of: it forgets none, so one that has seen more takes no new partitions and goes
/// when its last one does.
const TOPICS_MAX: usize = 20_000;

/// One partition while it is read.
pub(super) struct Seat {
    pub(super) reading: Reading,
    /// Why the offsets before the next record have none, when the client said so.
    pub(super) flaw: Option<GapReason>,
}

/// See the module.
pub(super) struct Shard {
    pub(super) client: Client,
    pub(super) seats: HashMap<Key, Seat>,
    /// Who is to be handed back after this turn, and why.
    pub(super) leaving: Vec<(Key, Departure)>,
}

impl Shard {
    pub(super) fn new(address: &str, shared: &Shared) -> Result<Self, KafkaError> {
        let client = Client::new(&settings(address, shared))?;
        let shard = Self { client, seats: HashMap::new(), leaving: Vec::new() };
        Ok(shard)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.seats.len() < PARTITIONS_MAX && self.client.topics() < TOPICS_MAX
    }

    /// Reads it from its next offset on; gives it back when librdkafka does not take it.
    pub(super) fn adopt(&mut self, reading: Reading) -> Result<(), Reading> {
        let place = &reading.partition;
        match self.client.start(&place.topic, place.partition, reading.next) {
            Ok(key) => {
                self.seats.insert(key, Seat { reading, flaw: None });
                Ok(())
            }
            Err(error) => {
                tracing::warn!(partition = %place, %error, "librdkafka does not read it, trying again");
                Err(reading)
            }
        }
    }

    /// Reads it no more, if it is here.
    pub(super) fn release(&mut self, partition: &Arc<TopicPartition>) -> Option<Reading> {
        let key = self.client.key(&partition.topic, partition.partition)?;
        self.seats.get(&key).filter(|seat| seat.reading.partition == *partition)?;
        self.remove(key)
    }

    fn remove(&mut self, key: Key) -> Option<Reading> {
        self.client.stop(key);
        self.seats.remove(&key).map(|seat| seat.reading)
    }

    /// Those who leave, with what was delivered of them.
    pub(super) fn departures(&mut self) -> Vec<(Reading, Departure)> {
        let leaving = std::mem::take(&mut self.leaving);
        leaving.into_iter().filter_map(|(key, why)| Some((self.remove(key)?, why))).collect()
    }

    /// Gives the client a token of the same kind as the native connections log in with.
    pub(super) fn log_in(&self, security: &Security) {
        let token = security.token().unwrap_or_else(|| Err("no token is configured".to_owned()));
        let now = Duration::from_micros(clock::wall().0.unsigned_abs());
        self.client.give_token(token, now);
    }
}

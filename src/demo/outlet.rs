//! How a service sends: through a producer whose delivery reports write the ledger.

#![expect(
    clippy::disallowed_types,
    reason = "the demo's services are the applications on the cluster: they produce, the tap does not"
)]

use super::Error;
use super::behaviour::Emission;
use super::company::Service;
use super::ledger::{Book, Coordinates, Entry};
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::sync::Arc;
use std::time::Duration;

/// How long the last records of a run may take to be confirmed.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);

/// Pause before a record is offered again to a producer whose queue is full.
const FULL_PAUSE: Duration = Duration::from_millis(5);

/// A service's producer.
#[derive(Clone)]
pub struct Outlet {
    producer: Arc<ThreadedProducer<Reports>>,
    book: Arc<Book>,
}

/// Writes delivery reports into the ledger.
struct Reports {
    book: Arc<Book>,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Entry>;

    fn delivery(&self, result: &DeliveryResult<'_>, entry: Box<Entry>) {
        match result {
            Ok(record) => {
                self.book.delivered(Coordinates::new(record.topic(), record.partition(), record.offset()), *entry);
            }
            Err((error, _)) => {
                tracing::warn!(%error, "a record of the demo was not delivered");
                self.book.lost();
            }
        }
    }
}

impl Outlet {
    /// The producer of `service`, with the service's settings.
    ///
    /// # Errors
    /// When librdkafka refuses a setting.
    pub fn open(brokers: &str, service: &Service, book: &Arc<Book>) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("client.id", &service.name);
        // The hash of Java producers, so that a key's partition is what people know from their own clusters.
        config.set("partitioner", "murmur2_random");
        for (name, value) in &service.producer {
            config.set(name, value);
        }
        let producer = config
            .create_with_context(Reports { book: book.clone() })
            .map_err(|source| Error::Producer { service: service.name.clone(), source })?;
        Ok(Self { producer: Arc::new(producer), book: book.clone() })
    }

    /// Hands `emission` to the producer. What becomes of it is in the ledger.
    pub fn send(&self, emission: Emission) {
        let Emission { topic, key, headers, value, entry } = emission;
        self.book.sending();
        let mut owned = OwnedHeaders::new_with_capacity(headers.len());
        for (name, value) in &headers {
            owned = owned.insert(Header { key: name, value: Some(value) });
        }
        let mut record = BaseRecord::with_opaque_to(&topic, Box::new(entry)).payload(&value).headers(owned);
        if let Some(key) = &key {
            record = record.key(key);
        }
        while let Err((error, refused)) = self.producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                tracing::warn!(%error, topic, "a record of the demo was refused by its own producer");
                self.book.lost();
                return;
            }
            record = refused;
            std::thread::sleep(FULL_PAUSE);
        }
    }

    /// Waits until everything sent was confirmed or given up.
    pub fn flush(&self) {
        if let Err(error) = self.producer.flush(FLUSH_PATIENCE) {
            tracing::warn!(%error, "records of the demo were still on their way at its end");
        }
    }
}

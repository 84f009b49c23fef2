//! A simulated company on an in-process Kafka, with its own ground truth.
//!
//! - [`company`]: services, rates and faults as data.
//! - [`schedule`], [`behaviour`], [`envelope`], [`spring`]: what they do, decided by the seed; pure.
//! - [`service`], [`outlet`], [`floor`], [`cluster`]: real consumer groups and producers that do it.
//! - [`ledger`]: where every record came to lie, from delivery reports: the truth.

pub mod behaviour;
pub mod cluster;
pub mod company;
pub mod envelope;
pub mod floor;
pub mod ledger;
pub mod outlet;
pub mod schedule;
pub mod service;
pub mod spring;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why the demo could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The company itself is broken.
    #[error(transparent)]
    Company(#[from] company::Error),
    /// A call to the company's cluster failed.
    #[error("could not {action}: {source}")]
    Cluster {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: KafkaError,
    },
    /// librdkafka started without its mock cluster.
    #[error("librdkafka has no mock cluster; run `headwater demo --brokers URL` on a real, empty cluster instead")]
    NoMock,
    /// The named cluster does not answer.
    #[error("no answer from {brokers}: {source}; check the address, or leave --brokers out for the in-process cluster")]
    Unreachable {
        /// Its bootstrap addresses.
        brokers: String,
        /// Why.
        source: KafkaError,
    },
    /// The named cluster is in use.
    #[error(
        "{brokers} holds {topics} topics ({first}, …) and the demo writes to empty clusters only; \
         start a fresh cluster, or leave --brokers out for the in-process one"
    )]
    NotEmpty {
        /// Its bootstrap addresses.
        brokers: String,
        /// Topics that are not internal.
        topics: usize,
        /// One of them.
        first: String,
    },
    /// A topic could not be created.
    #[error("could not create topic {topic}: {code}")]
    Topic {
        /// Its name.
        topic: String,
        /// What the broker answered.
        code: RDKafkaErrorCode,
    },
    /// A service's producer could not be set up.
    #[error("service {service} has no producer: {source}")]
    Producer {
        /// The service.
        service: String,
        /// Why.
        source: KafkaError,
    },
    /// A service could not join its group.
    #[error("service {service} cannot join its group: {source}")]
    Consumer {
        /// The service.
        service: String,
        /// Why.
        source: KafkaError,
    },
    /// A thread could not be started.
    #[error("could not start a thread: {0}")]
    Thread(std::io::Error),
}

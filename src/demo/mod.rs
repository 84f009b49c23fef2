//! A simulated company on an in-process Kafka, with its own ground truth.
//!
//! - [`company`]: services, rates and faults as data.
//! - [`schedule`], [`behaviour`], [`envelope`], [`spring`]: what they do, decided by the seed; pure.
//! - [`service`], [`outlet`], [`floor`], [`cluster`]: real consumer groups and producers that do it.
//! - [`ledger`]: where every record came to lie, from delivery reports: the truth.
//! - [`answers`], [`verdict`], [`account`]: what the tap says, whether that is the truth, and the report.
//! - [`show`], [`live`]: one demo from opening to verdict, with the tap in this process.

pub mod account;
pub mod answers;
pub mod behaviour;
pub mod cluster;
pub mod company;
pub mod envelope;
pub mod floor;
pub mod ledger;
pub mod live;
pub mod outlet;
pub mod schedule;
pub mod service;
pub mod show;
pub mod spring;
pub mod verdict;

pub use live::run;
pub use show::{DemoOptions, TapError, Watching, run_with};
pub use verdict::{Outcome, Verdict, judge};

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
    /// The tap could not run.
    #[error("the demo's tap failed: {0}")]
    Tap(#[source] show::TapError),
    /// The screen could not be shown.
    #[error("the screen failed: {0}; `--no-top` does without it")]
    Screen(#[source] show::TapError),
    /// The tap ended before the demo did.
    #[error("the demo's tap ended by itself; run again with HEADWATER_LOG=info and report what it says")]
    TapEnded,
    /// The database to keep is there already.
    #[error("{0} exists; name another file with --keep, or remove it")]
    FileExists(std::path::PathBuf),
    /// No place for a database.
    #[error("could not create {path}: {source}; set TMPDIR, or name a file with --keep")]
    Scratch {
        /// The directory.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The report could not be written.
    #[error("could not write the report: {0}")]
    Print(std::io::Error),
}

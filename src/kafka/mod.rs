//! The cluster as the tap sees it. Nothing else speaks to a cluster.

mod admin;
mod batch;
mod begin;
mod checkup;
mod clock;
mod cluster;
mod codec;
mod connection;
mod error;
mod estimate;
mod fetch;
mod fetcher;
mod groups;
mod librdkafka;
mod lineup;
mod login;
mod one;
mod policies;
mod reader;
mod request;
mod security;
mod shape;
mod stream;
mod throttle;
mod wire;

#[cfg(test)]
mod fuzz;

pub use admin::{Admin, TopicSummary};
pub use checkup::{Checkup, Held, Offer, Reach, Rights, Step, check};
pub use error::Error;
pub use estimate::{Estimate, Size};
pub use one::{ReadError, read_record};
pub use reader::{Reader, SinkFactory};
pub use security::{Security, SecurityError, registry_agent};

use crate::event::{GapReason, Producer, Record, Start, Timestamp, TopicPartition};
use crate::telemetry::Counters;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What reads the records. All else is asked over connections of the tap's own, whichever it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// The native reader.
    #[default]
    Native,
    /// librdkafka: slower, without producers, and with one reason for all holes.
    Librdkafka,
}

/// How to reach a cluster, and how gently to read it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the cluster in every row.
    pub cluster: String,
    /// Bootstrap addresses, `host:port`.
    pub brokers: Vec<String>,
    /// How they are reached, and as whom.
    pub security: Arc<Security>,
    /// What reads the records.
    pub source: Source,
    /// Read no faster than this many bytes a second, over all brokers.
    pub max_read: Option<u64>,
    /// How long a broker may hold back an answer at the end of the log: the tick in which records arrive.
    pub max_wait: Duration,
    /// Where the reader counts.
    pub counters: Arc<Counters>,
    /// Set it, and all threads of the reader end.
    pub stop: Arc<AtomicBool>,
}

/// Where reading of a partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// At this offset: the database holds everything before it.
    Resume(i64),
    /// At the start of the log.
    Earliest,
    /// At its end.
    Latest,
    /// At the first record whose timestamp is at or after this.
    Time(Timestamp),
}

/// What the tap wants to read; asked again whenever a topic or partition turns up.
pub trait Plan: Send + Sync {
    /// Whether to read `topic`.
    fn wants(&self, topic: &str) -> bool;
    /// Where to begin on `partition`.
    fn position(&self, partition: &TopicPartition) -> Position;
}

/// One run of offsets of one partition.
pub struct Batch<'a> {
    /// The partition.
    pub partition: &'a Arc<TopicPartition>,
    /// Who wrote it; `None` without a producer id.
    pub producer: Option<Producer>,
    /// The offsets that it speaks for; the batches of a partition come in order and leave nothing out.
    pub covers: Range<i64>,
    /// Its records, or why there are none.
    pub content: Content<'a>,
}

/// What a batch holds.
pub enum Content<'a> {
    /// Records in offset order; offsets of `covers` without one were removed by compaction.
    Records(&'a mut dyn Records),
    /// No records, and why.
    Missing(GapReason),
}

/// The records of one batch, read in place.
pub trait Records {
    /// Calls `each` for every record; the bytes are only there during the call. False when the batch turned out to be
    /// corrupt part way: what was passed on before stands.
    fn for_each(&mut self, each: &mut dyn FnMut(&Record<'_>)) -> bool;
}

/// Takes what one fetch thread reads.
pub trait BatchSink: Send {
    /// Reading of a partition begins (or begins anew after its log moved on).
    fn start(&mut self, start: Start);
    /// One run of offsets.
    fn batch(&mut self, batch: Batch<'_>);
    /// The end of one fetch answer, read at `seen`: hand over what was decoded. Blocks while the pipeline is full, and
    /// breaks when it is closed.
    fn flush(&mut self, seen: Timestamp) -> ControlFlow<()>;
}

//! The seeker thread: looks for the record that a failure repeats where that failure says nothing about it. Only such a
//! failure starts a search. The database tells what it may be; the bytes decide, read again from Kafka, or as a capture holds
//! them.

mod choice;

use self::choice::{Likeness, choose};
use super::clock;
use super::pipeline::Input;
use crate::event::{BareFailure, EventRef, HashKey, Sought, TopicPartition};
use crate::kafka::{self, ReadError, read_record};
use crate::store::{self, Place, Readers, Suspects};
use crate::telemetry::Counter;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

/// Lists of failures that may wait for the seeker. The core has few in its hands at once, and hands out no more before those
/// are answered.
pub(super) const SEEKS_WAITING: usize = 64;
/// Shortest time from one read to the next: a dead-letter topic that fills up must not become a load on the brokers.
const BETWEEN_READS: Duration = Duration::from_millis(50);
/// Share of `--max-read` that these reads may take on top: one part of so many.
const READ_SHARE: u32 = 10;
/// How often a search is tried before it goes on with what it could read.
const TRIES: usize = 3;
/// How long it rests in between.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// How often a resting seeker looks whether it shall stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Hashes of values that are remembered: one record is compared with many dead letters. At 32 bytes each they take 1 MB.
const VALUES_KEPT: usize = 20_000;
/// Hashes of values that an import keeps, at some 40 bytes each: of a larger capture the first records. What is not kept is
/// told apart by size, key and timestamp only.
const CAPTURED_VALUES: usize = 4_000_000;

/// What the seeker is told.
pub(super) enum Seek {
    /// To seek the origins of these failures; all that was decided before them is written.
    These(Vec<BareFailure>),
    /// To end.
    Stop,
}

/// Where the bytes of a record are.
pub(super) enum Records {
    /// On clusters, by name: how to read each.
    Clusters(HashMap<String, kafka::Settings>),
    /// In captures.
    Captured(CapturedValues),
}

impl Records {
    /// Those of clusters.
    pub fn of<'a>(clusters: impl Iterator<Item = &'a kafka::Settings>) -> Self {
        Self::Clusters(clusters.map(|settings| (settings.cluster.clone(), settings.clone())).collect())
    }
}

/// Hashes of the values that captures hold.
#[derive(Debug, Default)]
pub(super) struct CapturedValues {
    by_topic: HashMap<Arc<str>, HashMap<(i32, i64), u64>>,
    kept: usize,
}

impl CapturedValues {
    /// Keeps the hash of a value.
    pub fn keep(&mut self, partition: &TopicPartition, offset: i64, hash: u64) {
        if self.kept < CAPTURED_VALUES {
            self.kept += 1;
            self.by_topic.entry(partition.topic.clone()).or_default().insert((partition.partition, offset), hash);
        }
    }

    fn get(&self, place: &Place) -> Option<u64> {
        self.by_topic.get(place.topic.as_str())?.get(&(place.partition, place.offset)).copied()
    }
}

/// See the module's documentation.
pub(super) struct Seeker {
    readers: Readers,
    records: Records,
    hash: HashKey,
    stop: Arc<AtomicBool>,
    /// Hashes of values, `None` of those that are gone.
    values: HashMap<EventRef, Option<u64>>,
    /// When the next record may be read.
    next_read: Option<Instant>,
}

/// Why a search has to wait.
#[derive(Debug, thiserror::Error)]
enum Hindrance {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Kafka(#[from] ReadError),
}

impl Seeker {
    /// A seeker that compares `records`, until `stop` is set.
    pub fn new(readers: Readers, records: Records, hash: HashKey, stop: Arc<AtomicBool>) -> Self {
        Self { readers, records, hash, stop, values: HashMap::new(), next_read: None }
    }

    /// Answers until it is told to stop. What is left then is sought in the next run.
    pub fn run(mut self, asked: &Receiver<Seek>, core: &SyncSender<Input>) {
        while let Ok(Seek::These(failures)) = asked.recv() {
            for failure in &failures {
                let begun = clock::instant();
                let Some(sought) = self.seek(failure) else { break };
                if core.send(Input::Sought(sought)).is_err() {
                    return;
                }
                // Half of the time belongs to the others: a search reads sizes of millions of events.
                let ended = clock::instant();
                self.rest(ended + ended.saturating_duration_since(begun));
            }
        }
    }

    /// Looks for what `failure` repeats; `None` when it was told to stop meanwhile.
    pub fn seek(&mut self, failure: &BareFailure) -> Option<Sought> {
        for tries in 1..=TRIES {
            if self.stop.load(Relaxed) {
                return None;
            }
            match self.search(failure, tries == TRIES) {
                Ok(sought) => return Some(sought),
                Err(hindrance) => {
                    tracing::debug!(%hindrance, "an origin cannot be sought now");
                    self.rest(clock::instant() + TRY_AGAIN);
                }
            }
        }
        (!self.stop.load(Relaxed)).then_some(Sought { failure: failure.reference, origin: None, cut: true })
    }

    /// `last` tells that what cannot be read now will not be waited for.
    fn search(&mut self, failure: &BareFailure, last: bool) -> Result<Sought, Hindrance> {
        let nothing = Sought { failure: failure.reference, origin: None, cut: false };
        let Some(suspects) = self.readers.suspects(failure)? else { return Ok(nothing) };
        if suspects.candidates.is_empty() {
            return Ok(Sought { cut: suspects.cut, ..nothing });
        }
        let likenesses = self.compare(failure.reference, &suspects, last)?;
        let origin = choose(suspects.value_bytes, &likenesses, suspects.cut);
        Ok(Sought { origin, cut: suspects.cut, ..nothing })
    }

    fn compare(&mut self, letter: EventRef, suspects: &Suspects, last: bool) -> Result<Vec<Likeness>, ReadError> {
        let own = self.value(&suspects.cluster, (letter, &suspects.letter), last)?;
        let mut likenesses = Vec::with_capacity(suspects.candidates.len());
        for candidate in &suspects.candidates {
            let other = match own {
                Some(_) => self.value(&suspects.cluster, (candidate.reference, &candidate.place), last)?,
                None => None,
            };
            likenesses.push(Likeness {
                reference: candidate.reference,
                same_time: candidate.same_time,
                same_key: candidate.same_key,
                named: candidate.named,
                same_value: own.zip(other).map(|(own, other)| own == other),
            });
        }
        Ok(likenesses)
    }

    /// Hash of the value of a record, read from Kafka; `None` when it is not there any more.
    fn value(
        &mut self,
        cluster: &str,
        (reference, place): (EventRef, &Place),
        last: bool,
    ) -> Result<Option<u64>, ReadError> {
        if let Some(known) = self.values.get(&reference) {
            return Ok(*known);
        }
        let clusters = match &self.records {
            Records::Captured(values) => return Ok(values.get(place)),
            Records::Clusters(clusters) => clusters,
        };
        let Some(settings) = clusters.get(cluster).filter(|_| place.current).cloned() else { return Ok(None) };
        if let Some(next) = self.next_read {
            self.rest(next);
        }
        let before = settings.counters.get(Counter::RereadBytes);
        let mut value = None;
        let at = (place.topic.as_str(), place.partition, place.offset);
        let read = read_record(&settings, at, &mut |_, _, record| {
            value = Some(self.hash.hash(record.value.unwrap_or_default()));
        });
        let bytes = settings.counters.get(Counter::RereadBytes).saturating_sub(before);
        self.next_read = Some(clock::instant() + pause(bytes, settings.max_read));
        match read {
            Err(error) if error.may_pass() && !last => return Err(error),
            Err(error) if error.may_pass() => {
                tracing::debug!(%error, "a record could not be compared");
                return Ok(None);
            }
            _ => {}
        }
        if self.values.len() >= VALUES_KEPT {
            self.values.clear();
        }
        self.values.insert(reference, value);
        Ok(value)
    }

    fn rest(&self, until: Instant) {
        while !self.stop.load(Relaxed) {
            let left = until.saturating_duration_since(clock::instant());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }
}

/// How long to wait after `bytes` were read, under a cap of `max_read` bytes a second for the whole tap.
fn pause(bytes: u64, max_read: Option<u64>) -> Duration {
    let paid = max_read.map(|cap| Duration::from_secs_f64(bytes as f64 / cap.max(1) as f64) * READ_SHARE);
    paid.unwrap_or_default().max(BETWEEN_READS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_spaced_and_take_a_tenth_of_the_cap() {
        assert_eq!(pause(1 << 20, None), BETWEEN_READS);
        assert_eq!(pause(100, Some(1_000_000)), BETWEEN_READS);
        assert_eq!(pause(1_000_000, Some(1_000_000)), Duration::from_secs(10));
    }
}

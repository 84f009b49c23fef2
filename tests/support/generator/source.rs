//! A stream as a tap reads it: from several brokers, partition by partition, some of them late.

use super::flow::Made;
use super::stream::{EPOCH, Stream};
use super::{Options, Shape, mix};
use fastrand::Rng;
use headwater::event::Ordinal;
use std::collections::VecDeque;
use std::ops::Range;

/// Brokers; each is read by itself.
const BROKERS: usize = 6;
/// One read of all brokers, in µs.
const READ_EVERY: i64 = 100_000;
/// Reads between two barrier samples: a second.
const READS_A_SAMPLE: u64 = 10;
/// How late the late partition is read, in µs: 90 minutes, or a quarter of a stream that is shorter than that. So long
/// after the stream began it falls back, and twice as long after that it has caught up: before and behind, nothing holds
/// the barrier.
const LATE: i64 = 90 * 60 * 1_000_000;
/// A transaction is opened so often, and holds its partition for so long; in µs.
const HOLD_EVERY: i64 = 60_000_000;
const HOLD_FOR: i64 = 3_000_000;
/// Partitions that transactions hold are among the first of so many topics.
const HELD_TOPICS: u64 = 4;

/// What happens next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Records of one partition are read.
    Read {
        /// The partition.
        ordinal: Ordinal,
        /// When, in µs.
        seen: i64,
        /// The records, in [`Batch::records`].
        rows: Range<usize>,
        /// The offset that is read next.
        next: i64,
    },
    /// All stable ends were sampled; these were not read past yet.
    Barrier(Vec<(Ordinal, i64)>),
}

/// What is read in a row.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// The records that were read.
    pub records: Vec<Made>,
}

/// When the records of a partition can be read at last.
#[derive(Debug, Clone, Copy)]
enum Release {
    /// So long after each was written, until the partition has caught up.
    After(i64, i64),
    /// When the transaction that the first of them stands in has ended.
    At(i64),
}

struct Delayed {
    ordinal: Ordinal,
    release: Release,
    queue: VecDeque<Made>,
}

/// A stream as a tap reads it; see the module's documentation.
pub struct Source {
    stream: Stream,
    shape: Shape,
    random: Rng,
    now: i64,
    reads: u64,
    /// Written and not read yet, by broker.
    brokers: [VecDeque<Made>; BROKERS],
    delayed: Vec<Delayed>,
    /// The first record that was written after the last read.
    ahead: Option<Made>,
    /// The offset that is read next, by ordinal.
    next: Vec<i64>,
    held_until: i64,
    /// The late partition, and when it falls back and has caught up.
    late: Option<(Ordinal, Range<i64>)>,
    ended: bool,
}

impl Source {
    /// The stream of these options, to be read.
    pub fn new(options: Options) -> Self {
        let stream = Stream::new(options);
        let shape = options.preset.shape();
        let late = LATE.min(stream.length() / 4);
        let late = shape.late.then(|| (stream.popular(), EPOCH + late..EPOCH + 3 * late));
        Self {
            shape,
            random: Rng::with_seed(mix(options.seed)),
            now: EPOCH,
            reads: 0,
            brokers: Default::default(),
            delayed: Vec::new(),
            late,
            ahead: None,
            next: Vec::new(),
            held_until: EPOCH,
            ended: false,
            stream,
        }
    }

    /// What is read.
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Reads on until `batch` holds `records` or more, or everything was read; false when there was nothing left.
    pub fn fill(&mut self, batch: &mut Batch, records: usize) -> bool {
        batch.steps.clear();
        batch.records.clear();
        while batch.records.len() < records && !self.ended {
            self.read(batch);
        }
        !batch.records.is_empty()
    }

    fn read(&mut self, batch: &mut Batch) {
        self.now += READ_EVERY;
        self.reads += 1;
        self.fall_back();
        self.hold();
        self.write();
        let mut brokers: [usize; BROKERS] = std::array::from_fn(|broker| broker);
        self.random.shuffle(&mut brokers);
        for broker in brokers {
            let lag = self.random.u64(..=self.shape.lag_reads) as i64 * READ_EVERY;
            let until = if self.ended { i64::MAX } else { self.now - lag };
            let ready = self.brokers[broker].partition_point(|made| made.written <= until);
            let mut records: Vec<Made> = self.brokers[broker].drain(..ready).collect();
            records.sort_by_key(|made| made.reference);
            self.give(records, batch);
        }
        self.give_delayed(batch);
        if self.reads.is_multiple_of(READS_A_SAMPLE) || self.ended {
            batch.steps.push(Step::Barrier(self.sample()));
        }
    }

    /// Takes over what was written until now.
    fn write(&mut self) {
        loop {
            let Some(made) = self.ahead.take().or_else(|| self.stream.next()) else {
                self.ended = true;
                return;
            };
            if made.written > self.now {
                self.ahead = Some(made);
                return;
            }
            let ordinal = made.reference.ordinal();
            match self.delayed.iter_mut().find(|delayed| delayed.ordinal == ordinal) {
                Some(delayed) => delayed.queue.push_back(made),
                None => self.brokers[ordinal.0 as usize % BROKERS].push_back(made),
            }
        }
    }

    /// The late partition is read late from some time on.
    fn fall_back(&mut self) {
        let Some((ordinal, window)) = self.late.take_if(|(_, window)| self.now >= window.start) else { return };
        let release = Release::After((window.end - window.start) / 2, window.end);
        self.delayed.push(Delayed { ordinal, release, queue: VecDeque::new() });
    }

    /// Now and then a transaction is opened on a popular partition.
    fn hold(&mut self) {
        if !self.shape.held || self.now < self.held_until + HOLD_EVERY - HOLD_FOR {
            return;
        }
        self.held_until = self.now + HOLD_FOR;
        let partitions = u64::from(self.stream.options().topics.1);
        let ordinal = Ordinal(self.random.u64(..HELD_TOPICS * partitions) as u32);
        let late = Some(ordinal) == self.late.as_ref().map(|(late, _)| *late);
        if !late && self.delayed.iter().all(|delayed| delayed.ordinal != ordinal) {
            self.delayed.push(Delayed { ordinal, release: Release::At(self.held_until), queue: VecDeque::new() });
        }
    }

    fn give_delayed(&mut self, batch: &mut Batch) {
        let (now, ended) = (self.now, self.ended);
        let mut ready = Vec::new();
        self.delayed.retain_mut(|delayed| {
            let until = match delayed.release {
                _ if ended => i64::MAX,
                Release::After(late, end) => {
                    if now >= end {
                        i64::MAX
                    } else {
                        now - late
                    }
                }
                Release::At(end) => {
                    if now >= end {
                        i64::MAX
                    } else {
                        i64::MIN
                    }
                }
            };
            let count = delayed.queue.partition_point(|made| made.written <= until);
            ready.push(delayed.queue.drain(..count).collect());
            until != i64::MAX
        });
        ready.into_iter().for_each(|records| self.give(records, batch));
    }

    /// Records that lie by partition and offset become reads.
    fn give(&mut self, records: Vec<Made>, batch: &mut Batch) {
        self.next.resize(self.stream.places().len(), 0);
        for made in records {
            let (ordinal, next) = (made.reference.ordinal(), made.reference.offset() + 1);
            let at = batch.records.len();
            batch.records.push(made);
            let expected = std::mem::replace(&mut self.next[ordinal.0 as usize], next);
            assert_eq!(expected, next - 1, "a partition is read in order");
            match batch.steps.last_mut() {
                Some(Step::Read { ordinal: last, rows, next: end, .. }) if *last == ordinal => {
                    (rows.end, *end) = (at + 1, next);
                }
                _ => batch.steps.push(Step::Read { ordinal, seen: self.now, rows: at..at + 1, next }),
            }
        }
    }

    /// The stable ends that were not read past.
    fn sample(&mut self) -> Vec<(Ordinal, i64)> {
        self.next.resize(self.stream.places().len(), 0);
        let stable = |ordinal: Ordinal, end: i64| {
            let held = self.delayed.iter().find(|delayed| delayed.ordinal == ordinal);
            let first = held.filter(|held| matches!(held.release, Release::At(_))).and_then(|held| held.queue.front());
            // What was drawn ahead of its time is not written yet.
            let drawn = self.ahead.as_ref().filter(|made| made.reference.ordinal() == ordinal);
            first.or(drawn).map_or(end, |made| made.reference.offset())
        };
        let ends = self.stream.ends().iter().enumerate().map(|(at, end)| (Ordinal(at as u32), *end));
        let ends = ends.map(|(ordinal, end)| (ordinal, stable(ordinal, end)));
        ends.filter(|(ordinal, end)| self.next[ordinal.0 as usize] < *end).collect()
    }
}

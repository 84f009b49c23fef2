//! The second source: one broker's fetch thread on librdkafka, for what only librdkafka speaks to.
//!
//! It reads what the native fetcher would read and says the same, but for what librdkafka hides: who wrote a record, and
//! whether an offset without one was a marker, an aborted record or compacted.

mod client;
mod settings;
mod shard;
mod vouch;

use self::client::{Key, Message, News};
use self::shard::Shard;
use self::vouch::Vouch;
use super::fetcher::{Notice, Order, Shared, begin, flush};
use super::lineup::{Departure, Reading};
use super::{Batch, BatchSink, Content, Records, clock};
use crate::event::{GapReason, Record, TopicPartition};
use crate::telemetry::Counter;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Messages that are taken at once: enough for a call to cost nothing per record.
const TAKEN: usize = 10_000;
/// Longest wait for them, so that orders and the end are heard.
const TAKE_WAIT: Duration = Duration::from_millis(200);
/// How often an idle thread looks whether the tap is stopping.
const IDLE_STEP: Duration = Duration::from_millis(50);
/// Pause after a broker could not be asked.
const BACK_OFF: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Fetcher {
    broker: i32,
    shared: Shared,
    orders: Receiver<Order>,
    sink: Box<dyn BatchSink>,
    vouch: Vouch,
    shards: Vec<Shard>,
    troubles: u64,
}

impl Fetcher {
    pub(super) fn new(
        broker: i32,
        address: String,
        shared: Shared,
        orders: Receiver<Order>,
        sink: Box<dyn BatchSink>,
    ) -> Self {
        let vouch = Vouch::new(address, &shared);
        Self { broker, shared, orders, sink, vouch, shards: Vec::new(), troubles: 0 }
    }

    /// Reads until the tap stops; librdkafka itself tries a broker that is away for ever.
    pub(super) fn run(mut self) {
        while !self.shared.stop.load(Relaxed) {
            if self.shards.is_empty() {
                match self.orders.recv_timeout(IDLE_STEP) {
                    Ok(order) => {
                        if self.obey(order).is_break() {
                            return;
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            if self.turn().is_break() {
                return;
            }
        }
    }

    fn turn(&mut self) -> ControlFlow<()> {
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order)?;
        }
        flush(&mut *self.sink, &self.shared)?;
        self.listen();
        let mut pause = Duration::ZERO;
        let share = u32::try_from(self.shards.len()).unwrap_or(u32::MAX).max(1);
        let wait = self.shared.max_wait.min(TAKE_WAIT) / share;
        for shard in &mut self.shards {
            let turn =
                Turn { broker: self.broker, shared: &self.shared, sink: &mut *self.sink, vouch: &mut self.vouch };
            pause = pause.max(turn.take(shard, wait));
            flush(&mut *self.sink, &self.shared)?;
            for (reading, why) in shard.departures() {
                if self.shared.notices.send(Notice::Departed(reading, why)).is_err() {
                    return ControlFlow::Break(());
                }
            }
        }
        self.shards.retain(|shard| !shard.is_empty());
        self.pause(pause)
    }

    /// Sleeps, but not through the end.
    fn pause(&self, length: Duration) -> ControlFlow<()> {
        let until = clock::now() + length;
        loop {
            if self.shared.stop.load(Relaxed) {
                return ControlFlow::Break(());
            }
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return ControlFlow::Continue(());
            }
            std::thread::sleep(IDLE_STEP.min(left));
        }
    }

    /// Everything before was delivered, so a partition that leaves takes its true next offset along.
    fn obey(&mut self, order: Order) -> ControlFlow<()> {
        let departed = match order {
            Order::Adopt(reading) => {
                let reading = begin(&mut *self.sink, reading);
                self.adopt(reading).err().map(|reading| (reading, Departure::Moved))
            }
            Order::Release(partition) => self.release(&partition).map(|reading| (reading, Departure::Moved)),
            Order::Address(address) => {
                self.vouch.moved(address);
                None
            }
        };
        let Some((reading, why)) = departed else { return ControlFlow::Continue(()) };
        match self.shared.notices.send(Notice::Departed(reading, why)) {
            Err(_) => ControlFlow::Break(()),
            Ok(()) => ControlFlow::Continue(()),
        }
    }

    fn adopt(&mut self, reading: Reading) -> Result<(), Reading> {
        if !self.shards.iter().any(Shard::has_room) {
            match Shard::new(self.vouch.address(), &self.shared) {
                Ok(shard) => self.shards.push(shard),
                Err(error) => {
                    tracing::warn!(%error, "librdkafka does not take these settings; correct them");
                    return Err(reading);
                }
            }
        }
        match self.shards.iter_mut().find(|shard| shard.has_room()) {
            Some(shard) => shard.adopt(reading),
            None => Err(reading),
        }
    }

    fn release(&mut self, partition: &Arc<TopicPartition>) -> Option<Reading> {
        self.shards.iter_mut().find_map(|shard| shard.release(partition))
    }

    /// What the clients say of themselves.
    fn listen(&mut self) {
        for shard in &self.shards {
            while let Some(news) = shard.client.news() {
                match news {
                    News::TokenWanted => shard.log_in(&self.shared.security),
                    News::Trouble(reason) => {
                        self.troubles += 1;
                        self.shared.counters.add(Counter::Reconnects, 1);
                        if self.troubles.is_power_of_two() {
                            let so_far = self.troubles;
                            tracing::warn!(reason, so_far, broker = self.vouch.address(), "librdkafka has trouble");
                        }
                        // Nobody listens only while the tap stops.
                        let _ = self.shared.notices.send(Notice::BrokerAway(self.broker));
                    }
                }
            }
        }
    }
}

/// One look into one client's queue.
struct Turn<'a> {
    broker: i32,
    shared: &'a Shared,
    sink: &'a mut dyn BatchSink,
    vouch: &'a mut Vouch,
}

impl Turn<'_> {
    /// Takes what is there and passes it on. Gives how long to wait before the next look.
    fn take(mut self, shard: &mut Shard, wait: Duration) -> Duration {
        let Shard { client, seats, leaving, .. } = shard;
        let messages = client.take(wait, TAKEN);
        if messages.is_empty() {
            return Duration::ZERO;
        }
        let bytes: usize = messages.iter().map(Message::bytes).sum();
        self.shared.counters.add(Counter::Fetches, 1);
        self.shared.counters.add(Counter::FetchedBytes, bytes as u64);
        let partitions: HashSet<Key> = messages.iter().map(Message::key).collect();
        let read: Vec<&Arc<TopicPartition>> =
            partitions.iter().filter_map(|key| seats.get(key)).map(|seat| &seat.reading.partition).collect();
        let others = match self.vouch.others(&read) {
            Ok(others) => others,
            Err(error) => {
                // What is not vouched for is read again, here or where the partition is then.
                tracing::debug!(%error, "the broker does not say whose records these are");
                let _ = self.shared.notices.send(Notice::BrokerAway(self.broker));
                leaving.extend(partitions.into_iter().map(|key| (key, Departure::Moved)));
                return BACK_OFF;
            }
        };
        let other = |key: &Key| seats.get(key).is_some_and(|seat| others.contains(&*seat.reading.partition.topic));
        leaving.extend(partitions.into_iter().filter(other).map(|key| (key, Departure::Moved)));
        let left: HashSet<Key> = leaving.iter().map(|(key, _)| *key).collect();
        let runs = messages.chunk_by(|a, b| {
            a.key() == b.key() && a.fault().is_none() && b.fault().is_none() && a.offset() + 1 == b.offset()
        });
        for run in runs {
            let Some(seat) = seats.get_mut(&run[0].key()).filter(|_| !left.contains(&run[0].key())) else { continue };
            match run[0].fault() {
                None => self.deliver(seat, run),
                Some(code) => {
                    if let Some(why) = self.befell(seat, code, run[0].offset()) {
                        leaving.push((run[0].key(), why));
                    }
                }
            }
        }
        self.shared.cap.as_ref().map_or(Duration::ZERO, |cap| cap.spend(bytes, clock::now()))
    }

    /// Records without a hole between them; what lies before them is missing.
    fn deliver(&mut self, seat: &mut shard::Seat, run: &[Message<'_>]) {
        let known = run.partition_point(|message| message.offset() < seat.reading.next);
        let Some(first) = run.get(known) else { return };
        self.skip(seat, first.offset());
        let covers = first.offset()..first.offset() + (run.len() - known) as i64;
        seat.reading.next = covers.end;
        let mut records = Run { messages: &run[known..], headers_cut: 0 };
        let content = Content::Records(&mut records);
        self.sink.batch(Batch { partition: &seat.reading.partition, producer: None, covers, content });
        self.shared.counters.add(Counter::HeadersCut, records.headers_cut);
    }

    /// There is nothing to be read before `to`.
    fn skip(&mut self, seat: &mut shard::Seat, to: i64) {
        let covers = seat.reading.next..to;
        if covers.is_empty() {
            return;
        }
        seat.reading.next = to;
        let reason = seat.flaw.take().unwrap_or(GapReason::CompactedOrTransactional);
        let content = Content::Missing(reason);
        self.sink.batch(Batch { partition: &seat.reading.partition, producer: None, covers, content });
    }

    /// What a message without a record says; `Some` when the partition has to go.
    fn befell(&mut self, seat: &mut shard::Seat, code: Code, offset: i64) -> Option<Departure> {
        match code {
            Code::PartitionEOF => {
                self.skip(seat, offset);
                return None;
            }
            Code::BadMessage => seat.flaw = Some(GapReason::Corrupt),
            Code::NotImplemented => seat.flaw = Some(GapReason::UnknownCodec),
            _ => {}
        }
        self.shared.counters.add(Counter::BrokerErrors, 1);
        tracing::debug!(partition = %seat.reading.partition, ?code, offset, "librdkafka reports on a partition");
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation => Some(Departure::OutOfRange),
            Code::TopicAuthorizationFailed => Some(Departure::Refused),
            Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition | Code::UnknownTopicId => {
                Some(Departure::Moved)
            }
            _ => None,
        }
    }
}

/// Messages that follow each other in their partition.
struct Run<'a, 'b> {
    messages: &'a [Message<'b>],
    headers_cut: u64,
}

impl Records for Run<'_, '_> {
    fn for_each(&mut self, each: &mut dyn FnMut(&Record<'_>)) -> bool {
        for message in self.messages {
            self.headers_cut += message.pass(each);
        }
        true
    }
}

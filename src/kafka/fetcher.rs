//! One broker's fetch thread.

use super::batch::{Found, OldRecords, PlainRecords};
use super::codec::Decompressor;
use super::connection::Connection;
use super::error::Error;
use super::fetch::{self, Answer, FETCH_BYTES};
use super::lineup::{Absorbed, Departure, Lineup, Piece, Reading};
use super::security::Security;
use super::throttle::{RateCap, Share};
use super::{Batch, BatchSink, Content, clock};
use crate::event::{GapReason, Producer, TopicPartition};
use crate::telemetry::{Counter, Counters};
use kafka_protocol::messages::ApiKey;
use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// First pause after a connection failed; it doubles up to [`BACK_OFF_MOST`].
const BACK_OFF_LEAST: Duration = Duration::from_millis(100);
const BACK_OFF_MOST: Duration = Duration::from_secs(5);
/// How often a pausing thread looks whether the tap is stopping or has something new for it.
const PAUSE_STEP: Duration = Duration::from_millis(50);
/// A receive buffer that one large batch has blown up beyond this is let go.
const BUFFER_KEPT: usize = 2 * FETCH_BYTES as usize;

/// What the discovery thread tells a fetch thread.
#[derive(Debug)]
pub(super) enum Order {
    /// Read this partition from now on.
    Adopt(Reading),
    /// Hand this partition back.
    Release(Arc<TopicPartition>),
    /// The broker's address is another one now.
    Address(String),
}

/// What a fetch thread tells the discovery thread.
#[derive(Debug)]
pub(super) enum Notice {
    /// A partition that it reads no more.
    Departed(Reading, Departure),
    /// This broker is away: leaders may have moved.
    BrokerAway(i32),
}

/// What all fetch threads share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) security: Arc<Security>,
    pub(super) max_wait: Duration,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) cap: Option<Arc<RateCap>>,
    pub(super) notices: Sender<Notice>,
}

/// Why the conversation with the broker ended without an error.
enum Pause {
    /// Nothing to read.
    Idle,
    /// The tap is stopping, or nobody takes records any more.
    Stop,
}

/// See the module.
pub(super) struct Fetcher {
    broker: i32,
    address: String,
    shared: Shared,
    orders: Receiver<Order>,
    waiting: VecDeque<Order>,
    sink: Box<dyn BatchSink>,
    lineup: Lineup,
    decompressor: Decompressor,
    buffer: Vec<u8>,
    request: Vec<u8>,
    failures: u32,
    /// Batches that were given up; bounds the log.
    unreadable: u64,
    /// Answers that asked to wait; bounds the log.
    throttles: u64,
    /// Bytes of the next answer that the cap has charged already.
    charged: usize,
}

impl Fetcher {
    pub(super) fn new(
        broker: i32,
        address: String,
        shared: Shared,
        orders: Receiver<Order>,
        sink: Box<dyn BatchSink>,
    ) -> Self {
        let mut lineup = Lineup::new();
        lineup.stand_in(shared.security.rack());
        Self {
            broker,
            address,
            shared,
            orders,
            waiting: VecDeque::new(),
            sink,
            lineup,
            decompressor: Decompressor::new(),
            buffer: Vec::new(),
            request: Vec::new(),
            failures: 0,
            unreadable: 0,
            throttles: 0,
            charged: 0,
        }
    }

    /// Reads until the tap stops; a broker that is away is tried again for ever.
    pub(super) fn run(mut self) {
        while !self.stopping() {
            if self.lineup.is_empty() && self.waiting.is_empty() {
                match self.orders.recv_timeout(PAUSE_STEP) {
                    Ok(order) => self.waiting.push_back(order),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            if self.obey().is_break() {
                return;
            }
            if self.lineup.is_empty() {
                continue;
            }
            let _reads = self.shared.cap.clone().map(Share::new);
            match self.converse() {
                Ok(Pause::Idle) => {}
                Ok(Pause::Stop) | Err(Error::Stopped) => return,
                Err(error) => {
                    if self.back_off(&error).is_break() {
                        return;
                    }
                }
            }
        }
    }

    fn stopping(&self) -> bool {
        self.shared.stop.load(Relaxed)
    }

    fn back_off(&mut self, error: &Error) -> ControlFlow<()> {
        self.failures = self.failures.saturating_add(1);
        self.shared.counters.add(Counter::Reconnects, 1);
        if self.failures.is_power_of_two() {
            tracing::warn!(%error, broker = self.broker, failures = self.failures, "the broker is away, trying again");
        }
        // Nobody listens only while the tap stops.
        let _ = self.shared.notices.send(Notice::BrokerAway(self.broker));
        let doubled = BACK_OFF_LEAST.saturating_mul(1 << self.failures.min(16).saturating_sub(1));
        self.pause(doubled.min(BACK_OFF_MOST))
    }

    /// Sleeps, but not through an order or the end. There must be no fetch on its way.
    fn pause(&mut self, length: Duration) -> ControlFlow<()> {
        let until = clock::now() + length;
        loop {
            if self.has_orders() {
                self.obey()?;
            }
            let left = until.saturating_duration_since(clock::now());
            if self.stopping() {
                return ControlFlow::Break(());
            }
            if left.is_zero() {
                return ControlFlow::Continue(());
            }
            std::thread::sleep(PAUSE_STEP.min(left));
        }
    }

    fn has_orders(&mut self) -> bool {
        self.waiting.extend(self.orders.try_iter());
        !self.waiting.is_empty()
    }

    /// Carries out what was ordered and hands back who leaves. Only between two fetches, with everything delivered: so
    /// a partition takes its true next offset along, and its records stay in order over threads.
    fn obey(&mut self) -> ControlFlow<()> {
        self.has_orders();
        let (mut adopted, mut begun) = (Vec::new(), false);
        for order in std::mem::take(&mut self.waiting) {
            match order {
                // Together: each adoption sorts all partitions, and thousands come at the start.
                Order::Adopt(reading) => {
                    adopted.push(begin(&mut *self.sink, reading));
                    begun = true;
                }
                Order::Release(partition) => {
                    // It may be one that stands before the release in the queue.
                    self.lineup.adopt(std::mem::take(&mut adopted));
                    self.lineup.release(&partition);
                }
                Order::Address(address) => self.address = address,
            }
        }
        self.lineup.adopt(adopted);
        if begun {
            self.flush()?;
        }
        if self.lineup.someone_leaves() {
            for (reading, why) in self.lineup.departures() {
                if self.shared.notices.send(Notice::Departed(reading, why)).is_err() {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn flush(&mut self) -> ControlFlow<()> {
        flush(&mut *self.sink, &self.shared)
    }

    /// One connection, from its opening until there is nothing to read, or it breaks.
    fn converse(&mut self) -> Result<Pause, Error> {
        let mut link = Connection::open(&self.address, &self.shared.security, &self.shared.stop)?;
        // A cluster may know the newest fetches before its topics have ids.
        let most = if self.lineup.has_topic_ids() { fetch::MOST } else { fetch::MOST_BY_NAME };
        let version = link.version(ApiKey::Fetch, fetch::LEAST, most).ok_or_else(|| Error::Unsupported {
            broker: link.address.clone(),
            request: "Fetch",
            least: fetch::LEAST,
            most: fetch::MOST,
        })?;
        self.lineup.reconnect(version);
        if self.await_turn().is_break() {
            return Ok(Pause::Stop);
        }
        if self.lineup.is_empty() {
            return Ok(Pause::Idle);
        }
        self.send(&mut link)?;
        while !self.stopping() {
            let mut buffer = std::mem::take(&mut self.buffer);
            let turn = link
                .receive(&mut buffer, self.shared.max_wait)
                .and_then(|length| self.turn(&mut link, &buffer[..length], version))
                .or_else(|error| self.skip_over(&mut link, &mut buffer, version, error));
            if buffer.len() <= BUFFER_KEPT {
                self.buffer = buffer;
            }
            if let Some(pause) = turn? {
                return Ok(pause);
            }
        }
        Ok(Pause::Stop)
    }

    /// Waits until the cap lets another connection begin.
    fn await_turn(&mut self) -> ControlFlow<()> {
        while let Some(cap) = self.shared.cap.clone() {
            match cap.admit(clock::now()) {
                Ok(bytes) => {
                    self.charged = bytes;
                    break;
                }
                Err(wait) => self.pause(wait)?,
            }
        }
        ControlFlow::Continue(())
    }

    fn send(&mut self, link: &mut Connection) -> Result<(), Error> {
        // Between two fetches: there is none on its way here.
        link.renew()?;
        let max_bytes = self.shared.cap.as_ref().map_or(FETCH_BYTES, |cap| cap.fetch_bytes(FETCH_BYTES));
        let correlation = link.next_correlation();
        self.lineup.write_request(correlation, self.shared.max_wait, max_bytes, &mut self.request);
        link.send(&self.request)
    }

    /// Takes in one answer. The next fetch is sent before the records are looked at, unless something speaks against it.
    fn turn(&mut self, link: &mut Connection, frame: &[u8], version: i16) -> Result<Option<Pause>, Error> {
        let answer = Answer::read(frame, version).ok_or_else(|| link.malformed("Fetch", "not its form"))?;
        if answer.correlation != link.correlation() {
            return Err(link.malformed("Fetch", "an answer to another request"));
        }
        let refused = |code| Error::Refused { broker: link.address.clone(), request: "Fetch", code };
        self.lineup.follow_session(&answer).map_err(refused)?;
        self.failures = 0;
        let absorbed = self.lineup.absorb(&answer);
        self.count(frame.len(), &answer, &absorbed);
        let bytes = frame.len().saturating_sub(std::mem::take(&mut self.charged));
        let cap = self.shared.cap.as_ref();
        let mut wait = cap.map_or(Duration::ZERO, |cap| cap.spend(bytes, clock::now())).max(answer.throttle);
        if absorbed.stuck {
            wait = wait.max(BACK_OFF_MOST);
            tracing::warn!(broker = self.broker, "records came that cannot be read and cannot be skipped");
        }
        let early = wait.is_zero() && !self.lineup.someone_leaves() && !self.has_orders();
        let sent = if early { self.send(link) } else { Ok(()) };
        let news = !absorbed.pieces.is_empty();
        for piece in absorbed.pieces {
            self.deliver(piece);
        }
        if news && self.flush().is_break() {
            return Ok(Some(Pause::Stop));
        }
        if early {
            return sent.map(|()| None);
        }
        if self.obey().is_break() || self.pause(wait).is_break() {
            return Ok(Some(Pause::Stop));
        }
        if self.lineup.is_empty() {
            return Ok(Some(Pause::Idle));
        }
        self.send(link).map(|()| None)
    }

    /// Leaves out a batch that is larger than the tap reads: it is counted, and reading goes on behind it on a new
    /// connection. Other errors are given back.
    fn skip_over(
        &mut self,
        link: &mut Connection,
        buffer: &mut Vec<u8>,
        version: i16,
        error: Error,
    ) -> Result<Option<Pause>, Error> {
        let Error::Oversized { bytes, .. } = error else { return Err(error) };
        let front = link.front(buffer)?;
        let skipped = Answer::overflowing(front, version).and_then(|part| self.lineup.skip(&part));
        let (partition, covers) = skipped.ok_or(error)?;
        tracing::warn!(%partition, ?covers, bytes, "a batch larger than the tap reads was left out");
        let content = Content::Missing(GapReason::Limit);
        self.sink.batch(Batch { partition: &partition, producer: None, covers, content });
        Ok(Some(if self.flush().is_break() { Pause::Stop } else { Pause::Idle }))
    }

    fn count(&mut self, bytes: usize, answer: &Answer<'_>, absorbed: &Absorbed<'_>) {
        let counters = &self.shared.counters;
        counters.add(Counter::Fetches, 1);
        counters.add(Counter::FetchedBytes, bytes as u64);
        counters.add(Counter::ThrottledMs, answer.throttle.as_millis() as u64);
        counters.add(Counter::BrokerErrors, absorbed.errors);
        counters.add(Counter::FollowerBytes, absorbed.follower_bytes);
        if !answer.throttle.is_zero() {
            self.throttles += 1;
            if self.throttles.is_power_of_two() {
                let (ms, so_far) = (answer.throttle.as_millis() as u64, self.throttles);
                tracing::warn!(
                    broker = self.broker,
                    ms,
                    so_far,
                    "the broker's quota slows the tap down; it waits so long"
                );
            }
        }
    }

    fn deliver(&mut self, piece: Piece<'_>) {
        let partition = self.lineup.partition(piece.at);
        let covers = piece.run.covers;
        let (codec, payload, producer) = match piece.run.found {
            Found::Batch(batch) => (batch.codec(), batch.payload(), batch.producer()),
            Found::Old(message) => (message.codec(), message.payload(), None),
            Found::Missing(reason) => return self.miss(piece.at, None, covers, reason),
        };
        let plain = match self.decompressor.plain(codec, payload) {
            Ok(plain) => plain,
            Err(reason) => return self.miss(piece.at, producer, covers, reason),
        };
        let batch = |content| Batch { partition, producer, covers: covers.clone(), content };
        match piece.run.found {
            Found::Batch(found) => {
                let mut records = PlainRecords::new(found, covers.clone(), plain);
                self.sink.batch(batch(Content::Records(&mut records)));
                self.shared.counters.add(Counter::HeadersCut, records.headers_cut);
            }
            Found::Old(found) => {
                let mut records = OldRecords::new(found, covers.clone(), plain);
                self.sink.batch(batch(Content::Records(&mut records)));
            }
            Found::Missing(_) => {}
        }
    }

    /// Tells of offsets without records.
    fn miss(&mut self, at: usize, producer: Option<Producer>, covers: Range<i64>, reason: GapReason) {
        let partition = self.lineup.partition(at);
        if matches!(reason, GapReason::Corrupt | GapReason::Limit | GapReason::UnknownCodec) {
            self.unreadable += 1;
            if self.unreadable.is_power_of_two() {
                let so_far = self.unreadable;
                tracing::warn!(%partition, ?covers, reason = reason.as_str(), so_far, "a batch that cannot be read");
            }
        }
        self.sink.batch(Batch { partition, producer, covers, content: Content::Missing(reason) });
    }
}

/// Tells the sink that reading begins, and what was lost before it could.
pub(super) fn begin(sink: &mut dyn BatchSink, mut reading: Reading) -> Reading {
    if let Some(start) = reading.begins.take() {
        sink.start(start);
    }
    let lost = std::mem::take(&mut reading.lost);
    if !lost.is_empty() {
        let content = Content::Missing(GapReason::Retention);
        sink.batch(Batch { partition: &reading.partition, producer: None, covers: lost, content });
    }
    reading
}

/// Hands over what the sink holds, and takes note of how long the pipeline kept it waiting.
pub(super) fn flush(sink: &mut dyn BatchSink, shared: &Shared) -> ControlFlow<()> {
    let before = clock::now();
    let flow = sink.flush(clock::wall());
    let blocked = clock::now().saturating_duration_since(before);
    shared.counters.add(Counter::BlockedMs, blocked.as_millis() as u64);
    if flow.is_break() {
        // The pipeline is closed: no other thread can deliver either.
        shared.stop.store(true, Relaxed);
    }
    flow
}

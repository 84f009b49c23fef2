//! Discovery: which partitions there are, who leads them, and which fetch thread reads them.

use super::begin::{Beginning, TurnedUp, beginnings};
use super::cluster::{Cluster, Led, LogPoint, Topic};
use super::error::Error;
use super::fetcher::{Fetcher, Notice, Order, Shared};
use super::lineup::{Departure, Epochs, Reading};
use super::throttle::RateCap;
use super::{BatchSink, Plan, Settings, Source, clock, librdkafka};
use crate::event::{Start, TopicPartition};
use crate::telemetry::Counter;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How often metadata is asked for while nothing happens: so long a new topic may stay unread.
const POLL: Duration = Duration::from_secs(5);
/// How soon it is asked for again when a leader moved or a broker went away; doubles up to [`POLL`].
const HURRY: Duration = Duration::from_millis(100);
/// How soon a partition that the tap may not read is tried again.
const REFUSED_RETRY: Duration = Duration::from_secs(60);
/// A topic that metadata has not shown for so long is forgotten: it was deleted, and names come and go on some clusters.
/// One that was only hidden is looked at anew when it shows again; what was read of it before is not taken twice.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// A follower is read from for so long before its leader is asked again whether it is still the nearest: as Java's
/// clients do with each new look at metadata.
const NEARER_HOLDS: Duration = Duration::from_secs(300);
/// A partition whose follower failed stays with its leader for so long: the leader may name the same follower until the
/// cluster has noticed too.
const STAYS: Duration = Duration::from_secs(30);
/// How often the waiting thread looks whether the tap is stopping.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// Makes the sink of one fetch thread.
pub type SinkFactory = Arc<dyn Fn() -> Box<dyn BatchSink> + Send + Sync>;

/// The running reader: one thread that follows metadata, and one a broker that fetches.
pub struct Reader {
    discovery: JoinHandle<Result<(), Error>>,
}

impl Reader {
    /// Connects, finds out what there is to read, and starts reading in threads of its own.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no bootstrap address answers, [`Error::Unsupported`] on a broker that is too old.
    /// Later failures are not errors: a broker that is away is tried again until `settings.stop` is set.
    pub fn start(settings: Settings, plan: Arc<dyn Plan>, sink: SinkFactory) -> Result<Self, Error> {
        let mut discovery = Discovery::new(settings, plan, sink);
        let topics = discovery.cluster.topics()?;
        // Threads that did start shall not outlive a start that failed.
        discovery.follow(&topics).inspect_err(|_| discovery.settings.stop.store(true, Relaxed))?;
        let thread =
            Builder::new().name("kafka-discovery".into()).spawn(move || discovery.run()).map_err(Error::Spawn)?;
        Ok(Self { discovery: thread })
    }

    /// Waits for all threads; call it after `stop` was set.
    ///
    /// # Errors
    /// [`Error::Panicked`] when a thread did.
    pub fn join(self) -> Result<(), Error> {
        self.discovery.join().map_err(|_| Error::Panicked)?
    }
}

/// The look at metadata that shows what was there before the tap.
const FIRST_ROUND: u64 = 1;

/// Where one partition is.
enum Place {
    /// Its position is not known yet.
    Unopened,
    /// Read by the thread of this broker, and perhaps asked for back already.
    With { broker: i32, asked: bool },
    /// Waits for a leader.
    Homeless(Reading),
    /// Its next offset is not in the log.
    OutOfRange(Reading),
    /// May not be read; tried again at this time.
    Refused(Reading, Instant),
}

/// A follower that a partition is read from.
#[derive(Debug, Clone, Copy)]
struct Nearer {
    broker: i32,
    until: Instant,
}

struct Seat {
    led: Led,
    place: Place,
    /// The last look at metadata that showed it.
    round: u64,
    /// Since when metadata does not show it.
    gone_since: Option<Instant>,
    /// It turned up while the tap runs: nothing of it is old, and it is read from its start.
    turned_up: bool,
    /// The follower that it is read from (KIP-392), as its leader said.
    nearer: Option<Nearer>,
}

struct BrokerThread {
    address: String,
    orders: Sender<Order>,
    thread: JoinHandle<()>,
}

struct Discovery {
    settings: Settings,
    plan: Arc<dyn Plan>,
    sink: SinkFactory,
    cluster: Cluster,
    seats: HashMap<(Arc<str>, i32), Seat>,
    threads: BTreeMap<i32, BrokerThread>,
    shared: Shared,
    notices: Receiver<Notice>,
    refused: HashSet<Arc<str>>,
    round: u64,
    hurry: Duration,
    failures: u32,
}

impl Discovery {
    fn new(settings: Settings, plan: Arc<dyn Plan>, sink: SinkFactory) -> Self {
        let (sender, notices) = mpsc::channel();
        let shared = Shared {
            security: Arc::clone(&settings.security),
            max_wait: settings.max_wait,
            counters: Arc::clone(&settings.counters),
            stop: Arc::clone(&settings.stop),
            cap: settings.max_read.map(|bytes| Arc::new(RateCap::new(bytes))),
            notices: sender,
        };
        Self {
            cluster: Cluster::new(&settings, &settings.stop),
            settings,
            plan,
            sink,
            seats: HashMap::new(),
            threads: BTreeMap::new(),
            shared,
            notices,
            refused: HashSet::new(),
            round: 0,
            hurry: HURRY,
            failures: 0,
        }
    }

    fn stopping(&self) -> bool {
        self.settings.stop.load(Relaxed)
    }

    fn run(mut self) -> Result<(), Error> {
        while !self.stopping() {
            self.wait();
            if self.stopping() {
                break;
            }
            let outcome = self.cluster.topics().and_then(|topics| self.follow(&topics));
            match outcome {
                Ok(()) => self.failures = 0,
                Err(Error::Stopped) => break,
                Err(error) => {
                    self.failures = self.failures.saturating_add(1);
                    self.settings.counters.add(Counter::Reconnects, 1);
                    if self.failures.is_power_of_two() {
                        tracing::warn!(%error, failures = self.failures, "no metadata, trying again");
                    }
                }
            }
        }
        self.end()
    }

    fn end(self) -> Result<(), Error> {
        let threads: Vec<JoinHandle<()>> = self.threads.into_values().map(|broker| broker.thread).collect();
        // All are joined before one of them is reported.
        let panicked = threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        if panicked == 0 { Ok(()) } else { Err(Error::Panicked) }
    }

    /// Takes in notices until the next look at metadata is due: after [`POLL`], or sooner when a partition came back.
    fn wait(&mut self) {
        let begun = clock::now();
        let mut due = POLL;
        if self.seats.values().any(Seat::is_urgent) {
            due = self.hurry;
            self.hurry = (self.hurry * 2).min(POLL);
        } else {
            self.hurry = HURRY;
        }
        while !self.stopping() {
            let left = due.saturating_sub(clock::now().saturating_duration_since(begun));
            if left.is_zero() {
                return;
            }
            match self.notices.recv_timeout(left.min(STOP_CHECK)) {
                Ok(Notice::Departed(reading, why)) => {
                    if why != Departure::Refused {
                        due = due.min(self.hurry);
                    }
                    self.take_back(reading, why);
                }
                Ok(Notice::BrokerAway(broker)) => {
                    due = due.min(self.hurry.max(HURRY * 5));
                    self.leave_followers(|nearer| nearer.broker == broker);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take_back(&mut self, mut reading: Reading, mut why: Departure) {
        let key = (Arc::clone(&reading.partition.topic), reading.partition.partition);
        let Some(seat) = self.seats.get_mut(&key).filter(|seat| seat.led.identity == reading.partition) else {
            // A topic that was created again: the old one's partition ends here.
            return;
        };
        if seat.went_wrong(&mut reading, clock::now()) {
            why = Departure::Moved;
        }
        seat.place = match why {
            Departure::Nearer(broker) => {
                tracing::debug!(partition = %reading.partition, broker, "read from a nearer replica");
                seat.nearer = Some(Nearer { broker, until: clock::now() + NEARER_HOLDS });
                Place::Homeless(reading)
            }
            Departure::Moved => Place::Homeless(reading),
            Departure::OutOfRange => Place::OutOfRange(reading),
            Departure::Refused => {
                if self.refused.insert(Arc::clone(&reading.partition.topic)) {
                    tracing::warn!(
                        topic = %reading.partition.topic,
                        "not allowed to read this topic; grant READ on it, or leave it out with --exclude"
                    );
                }
                Place::Refused(reading, clock::now() + REFUSED_RETRY)
            }
        };
    }

    /// Brings the threads in line with what metadata shows.
    fn follow(&mut self, topics: &[Topic]) -> Result<(), Error> {
        self.round += 1;
        let plan = Arc::clone(&self.plan);
        for topic in topics.iter().filter(|topic| plan.wants(&topic.name)) {
            for led in &topic.partitions {
                self.update(led);
            }
        }
        let now = clock::now();
        for seat in self.seats.values_mut().filter(|seat| seat.round != self.round) {
            // Deleted, or hidden for a while: its place is kept, for it may come back.
            seat.led.leader = -1;
            seat.gone_since.get_or_insert(now);
        }
        self.seats.retain(|_, seat| !seat.is_forgotten(now));
        self.leave_followers(|nearer| nearer.until <= now);
        self.move_addresses();
        self.open()?;
        self.relocate()?;
        self.seat_homeless()
    }

    fn update(&mut self, led: &Led) {
        let round = self.round;
        let key = (Arc::clone(&led.identity.topic), led.identity.partition);
        let new = || {
            let turned_up = round > FIRST_ROUND;
            Seat { led: led.clone(), place: Place::Unopened, round, gone_since: None, turned_up, nearer: None }
        };
        let seat = self.seats.entry(key).or_insert_with(new);
        (seat.round, seat.gone_since) = (round, None);
        let recreated = seat.led.identity != led.identity;
        let moved = recreated || seat.led.leader != led.leader || seat.led.epoch != led.epoch;
        if let Place::With { broker, asked: asked @ false } = &mut seat.place
            && moved
            && led.leader >= 0
            && let Some(thread) = self.threads.get(broker)
        {
            *asked = true;
            // A thread that is gone takes no orders: the tap is stopping.
            let _ = thread.orders.send(Order::Release(Arc::clone(&seat.led.identity)));
        }
        if recreated {
            tracing::info!(partition = %led.identity, "the topic was created again, reading begins anew");
            seat.place = Place::Unopened;
            seat.turned_up = true;
        }
        seat.led = led.clone();
    }

    fn move_addresses(&mut self) {
        for (broker, thread) in &mut self.threads {
            if let Some(address) = self.cluster.address(*broker).filter(|address| *address != thread.address) {
                thread.address = address.to_owned();
                let _ = thread.orders.send(Order::Address(address.to_owned()));
            }
        }
    }

    fn select(&self, wanted: impl Fn(&Place) -> bool) -> Vec<Led> {
        self.seats.values().filter(|seat| seat.led.leader >= 0 && wanted(&seat.place)).map(|s| s.led.clone()).collect()
    }

    /// Finds out where reading of new partitions begins.
    fn open(&mut self) -> Result<(), Error> {
        let unopened = self.select(|place| matches!(place, Place::Unopened));
        if unopened.is_empty() {
            return Ok(());
        }
        let turned_up = self
            .seats
            .values()
            .filter(|seat| seat.turned_up && seat.is_urgent())
            .map(|seat| Arc::clone(&seat.led.identity));
        let plan = TurnedUp { plan: Arc::clone(&self.plan), partitions: turned_up.collect() };
        for Beginning { led, position, log_start, .. } in beginnings(&mut self.cluster, &unopened, &plan)? {
            let start = Start { partition: Arc::clone(&led.identity), log_start, position, cut: false };
            self.place(&led.identity.clone(), || {
                Place::Homeless(Reading {
                    partition: led.identity,
                    leader_epoch: led.epoch,
                    next: position.max(log_start),
                    epochs: Epochs::default(),
                    stays: None,
                    follower: false,
                    begins: Some(start),
                    lost: position..position.max(log_start),
                })
            });
        }
        Ok(())
    }

    fn place(&mut self, partition: &TopicPartition, place: impl FnOnce() -> Place) {
        if let Some(seat) = self.seats.get_mut(&(Arc::clone(&partition.topic), partition.partition)) {
            seat.place = place();
        }
    }

    /// Finds the way back into the log for partitions whose next offset is not in it any more, or not yet.
    fn relocate(&mut self) -> Result<(), Error> {
        self.seats.values_mut().for_each(Seat::doubt);
        let lost = self.select(|place| matches!(place, Place::OutOfRange(_)));
        if lost.is_empty() {
            return Ok(());
        }
        let starts = self.cluster.offsets(&lost, LogPoint::Start)?;
        let ends = self.cluster.offsets(&lost, LogPoint::End)?;
        let stables = self.cluster.offsets(&lost, LogPoint::Stable)?;
        for led in lost {
            let at = |offsets: &HashMap<Arc<TopicPartition>, i64>| offsets.get(&led.identity).copied();
            let (Some(start), Some(end), Some(stable)) = (at(&starts), at(&ends), at(&stables)) else { continue };
            let Some(seat) = self.seats.get_mut(&(Arc::clone(&led.identity.topic), led.identity.partition)) else {
                continue;
            };
            if let Place::OutOfRange(reading) = std::mem::replace(&mut seat.place, Place::Unopened) {
                seat.place = Place::Homeless(relocated(reading, led.epoch, (start, end, stable)));
            }
        }
        Ok(())
    }

    /// Gives every partition that waits to the thread of the broker that leads it.
    fn seat_homeless(&mut self) -> Result<(), Error> {
        let now = clock::now();
        let waits = |place: &Place| match place {
            Place::Homeless(_) => true,
            Place::Refused(_, until) => *until <= now,
            _ => false,
        };
        for led in self.select(waits) {
            let key = (Arc::clone(&led.identity.topic), led.identity.partition);
            let nearer = self.seats.get(&key).and_then(|seat| seat.nearer);
            let nearer = nearer.filter(|nearer| self.cluster.address(nearer.broker).is_some());
            let broker = nearer.map_or(led.leader, |nearer| nearer.broker);
            self.ensure_thread(broker)?;
            let (Some(seat), Some(thread)) = (self.seats.get_mut(&key), self.threads.get(&broker)) else {
                continue;
            };
            seat.nearer = nearer;
            let taken = std::mem::replace(&mut seat.place, Place::With { broker, asked: false });
            if let Place::Homeless(mut reading) | Place::Refused(mut reading, _) = taken {
                reading.leader_epoch = led.epoch;
                reading.follower = nearer.is_some();
                let _ = thread.orders.send(Order::Adopt(reading));
            }
        }
        Ok(())
    }

    /// Asks for those partitions back that are read from a follower, and whose time there is over.
    fn leave_followers(&mut self, over: impl Fn(&Nearer) -> bool) {
        for seat in self.seats.values_mut() {
            if let (Place::With { broker, asked: asked @ false }, Some(nearer)) = (&mut seat.place, &seat.nearer)
                && over(nearer)
                && let Some(thread) = self.threads.get(broker)
            {
                *asked = true;
                let _ = thread.orders.send(Order::Release(Arc::clone(&seat.led.identity)));
            }
        }
    }

    fn ensure_thread(&mut self, broker: i32) -> Result<(), Error> {
        if self.threads.contains_key(&broker) {
            return Ok(());
        }
        let Some(address) = self.cluster.address(broker).map(str::to_owned) else { return Ok(()) };
        let (orders, receiver) = mpsc::channel();
        let (shared, sink) = (self.shared.clone(), (self.sink)());
        let thread = Builder::new().name(format!("kafka-fetch-{broker}"));
        let thread = match self.settings.source {
            Source::Native => {
                let fetcher = Fetcher::new(broker, address.clone(), shared, receiver, sink);
                thread.spawn(move || fetcher.run())
            }
            Source::Librdkafka => {
                let fetcher = librdkafka::Fetcher::new(broker, address.clone(), shared, receiver, sink);
                thread.spawn(move || fetcher.run())
            }
        };
        let thread = thread.map_err(Error::Spawn)?;
        self.threads.insert(broker, BrokerThread { address, orders, thread });
        Ok(())
    }
}

impl Seat {
    /// Whether it comes back from a follower before its time: then it stays with its leader for a while.
    fn went_wrong(&mut self, reading: &mut Reading, now: Instant) -> bool {
        let before = self.nearer.take().is_some_and(|nearer| now < nearer.until);
        if before {
            reading.stays = Some(now + STAYS);
        }
        before
    }

    /// Asks for its place in the log again where the topic may be another one.
    fn doubt(&mut self) {
        let epoch = self.led.epoch;
        if matches!(&self.place, Place::Homeless(reading) if reborn(reading, epoch))
            && let Place::Homeless(reading) = std::mem::replace(&mut self.place, Place::Unopened)
        {
            self.place = Place::OutOfRange(reading);
        }
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        let gone = self.gone_since.is_some_and(|since| now.saturating_duration_since(since) >= FORGOTTEN_AFTER);
        gone && !matches!(self.place, Place::With { .. })
    }

    /// Whether metadata should be asked for soon: somebody who could be read is not.
    fn is_urgent(&self) -> bool {
        self.gone_since.is_none() && matches!(self.place, Place::Homeless(_) | Place::OutOfRange(_) | Place::Unopened)
    }
}

/// Whether the leader epoch shows that a topic without an id is another one than was read: it only ever rises, and
/// begins anew with the topic.
fn reborn(reading: &Reading, epoch: i32) -> bool {
    !reading.partition.has_topic_id() && epoch < reading.leader_epoch
}

/// `reading` with a next offset that lies in the log.
///
/// Without a topic id, a log that was cut and whose leader epoch did not rise is one of a topic that was created again:
/// an election that loses records raises the epoch. Then all that the log holds is new.
fn relocated(mut reading: Reading, epoch: i32, (start, end, stable): (i64, i64, i64)) -> Reading {
    let (same, again) = (epoch == reading.leader_epoch, reborn(&reading, epoch));
    if again || (same && reading.next > end && !reading.partition.has_topic_id()) {
        tracing::info!(partition = %reading.partition, "the topic was created again, reading begins anew");
        reading.next = start;
        let partition = Arc::clone(&reading.partition);
        reading.begins = Some(Start { partition, log_start: start, position: start, cut: true });
    } else if reading.next < start {
        tracing::warn!(partition = %reading.partition, from = reading.next, to = start, "deleted before it was read");
        reading.lost = reading.next..start;
        reading.next = start;
    } else if reading.next > end {
        tracing::warn!(partition = %reading.partition, from = reading.next, to = stable, "the log was cut, going on at its end");
        reading.next = stable;
        let partition = Arc::clone(&reading.partition);
        reading.begins = Some(Start { partition, log_start: start, position: stable, cut: true });
    }
    // The broker may have refused an epoch, and not the offset.
    reading.epochs.clear();
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(next: i64) -> Reading {
        let partition =
            TopicPartition { cluster: "test".into(), topic: "orders".into(), topic_id: [0; 16], partition: 0 };
        Reading {
            partition: Arc::new(partition),
            leader_epoch: 0,
            next,
            epochs: Epochs::default(),
            stays: None,
            follower: false,
            begins: None,
            lost: 0..0,
        }
    }

    #[test]
    fn a_position_before_the_log_leaves_a_gap_and_one_behind_it_begins_anew() {
        let log = (50, 90, 80);
        let before = relocated(reading(10), 1, log);
        assert_eq!((before.next, before.lost, before.begins.is_none()), (50, 10..50, true));
        let behind = relocated(reading(100), 1, log);
        assert_eq!((behind.next, behind.lost.is_empty()), (80, true));
        assert_eq!(behind.begins.map(|start| (start.log_start, start.position)), Some((50, 80)));
        let inside = relocated(reading(60), 1, log);
        assert_eq!((inside.next, inside.lost.is_empty(), inside.begins.is_none()), (60, true, true));
    }

    #[test]
    fn without_topic_ids_the_leader_epoch_tells_that_a_topic_was_created_again() {
        let at_epoch = |leader_epoch, next| Reading { leader_epoch, ..reading(next) };
        let start = |reading: Reading| (reading.next, reading.begins.map(|start| (start.position, start.cut)));
        let log = (0, 90, 80);
        // It fell: another topic, even where the offset exists.
        assert_eq!(start(relocated(at_epoch(3, 60), 0, log)), (0, Some((0, true))));
        // It stayed, and the log is shorter: no election loses records without raising it.
        assert_eq!(start(relocated(at_epoch(0, 100), 0, log)), (0, Some((0, true))));
        // It rose: the same topic, whose log was cut.
        assert_eq!(start(relocated(at_epoch(0, 100), 1, log)), (80, Some((80, true))));
        // It stayed, and the offset is there: nothing tells the two apart, and reading goes on.
        assert_eq!(start(relocated(at_epoch(0, 60), 0, log)), (60, None));
        // A topic with an id says by it what it is.
        let mut known = TopicPartition::clone(&reading(100).partition);
        known.topic_id = [7; 16];
        let known = Reading { partition: Arc::new(known), ..reading(100) };
        assert_eq!(start(relocated(known, 0, log)), (80, Some((80, true))));
    }
}

//! One running service: a member of its consumer group that reacts to events and commits what it is done with.

#![expect(
    clippy::disallowed_methods,
    reason = "the demo's services are the applications on the cluster: they join groups, commit and read the clock"
)]

use super::Error;
use super::behaviour::{Action, Behaviour, Emission, Heard};
use super::company::{Company, Service};
use super::envelope::Headers;
use super::ledger::{Book, Coordinates};
use super::outlet::Outlet;
use super::schedule::Schedule;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{BorrowedMessage, Headers as _, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two commits. Long enough that a tap sees groups behind their topics, as it does in real life.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// Longest wait for a record, so that due work and the stop signal are seen in time.
const POLL: Duration = Duration::from_millis(20);

/// Events a service remembers so as not to act twice on a duplicate. Duplicates follow their original at once.
const REMEMBERED: usize = 10_000;

/// What all services of a company share.
pub struct Floor {
    /// The company.
    pub company: Company,
    /// The plan.
    pub schedule: Schedule,
    /// The ledger.
    pub book: Arc<Book>,
    /// No more orders.
    pub closing: AtomicBool,
    /// Everybody goes home.
    pub stop: AtomicBool,
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Places the company's orders when they are due, until the doors close.
pub fn take_orders(floor: &Floor, service: &Service, outlet: &Outlet) {
    let behaviour = Behaviour { company: &floor.company, schedule: &floor.schedule, service };
    let opened = Instant::now();
    for number in 0.. {
        let due = opened + floor.schedule.order(number).at;
        while let Some(wait) = due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
            if floor.closing.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(wait.min(POLL));
        }
        if floor.closing.load(Ordering::Relaxed) {
            return;
        }
        if let Some(emission) = behaviour.place(number, now_ms()) {
            outlet.send(emission);
        }
    }
}

/// A service at work.
pub struct Worker {
    floor: Arc<Floor>,
    service: Service,
    group: Arc<str>,
    consumer: BaseConsumer,
    outlet: Outlet,
    topics: HashMap<String, Arc<str>>,
    partitions: BTreeMap<(Arc<str>, i32), Progress>,
    due: BinaryHeap<Reverse<Task>>,
    tasks: u64,
    remembered: (HashSet<u64>, VecDeque<u64>),
    committed: Instant,
}

/// How far a service has come on one partition.
#[derive(Debug, Default)]
struct Progress {
    next: i64,
    /// Offsets taken on and not done: nothing at or above the first is committed.
    open: BTreeSet<i64>,
    committed: i64,
    held: bool,
}

impl Progress {
    fn committable(&self) -> i64 {
        self.open.first().copied().unwrap_or(self.next)
    }
}

struct Task {
    at: Instant,
    number: u64,
    source: Coordinates,
    emissions: Vec<Emission>,
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Task {}
impl PartialOrd for Task {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Task {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Worker {
    /// Joins the service's group.
    ///
    /// # Errors
    /// When librdkafka refuses the group or the subscription.
    pub fn hire(floor: &Arc<Floor>, brokers: &str, service: &Service, outlet: &Outlet) -> Result<Self, Error> {
        let failed = |source| Error::Consumer { service: service.name.clone(), source };
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("client.id", &service.name)
            .set("group.id", &service.group)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "50")
            .set("topic.metadata.refresh.interval.ms", "5000")
            .create()
            .map_err(failed)?;
        let topics: Vec<_> = service.consumes.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(failed)?;
        Ok(Self {
            floor: floor.clone(),
            group: service.group.as_str().into(),
            topics: service.consumes.iter().map(|topic| (topic.clone(), topic.as_str().into())).collect(),
            service: service.clone(),
            consumer,
            outlet: outlet.clone(),
            partitions: BTreeMap::new(),
            due: BinaryHeap::new(),
            tasks: 0,
            remembered: (HashSet::new(), VecDeque::new()),
            committed: Instant::now(),
        })
    }

    /// Works until everybody goes home, then commits what is done and leaves the group.
    pub fn work(mut self) {
        let drag = Duration::from_millis(self.floor.company.work_ms(&self.service.name));
        while !self.floor.stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            let wait = self.due.peek().map_or(POLL, |Reverse(task)| task.at.saturating_duration_since(now).min(POLL));
            let heard = match self.consumer.poll(wait) {
                Some(Ok(record)) => Some(heard(&record)),
                Some(Err(error)) => {
                    tracing::warn!(%error, group = %self.group, "a service of the demo could not read");
                    None
                }
                None => None,
            };
            if let Some(heard) = heard {
                std::thread::sleep(drag);
                self.take(heard);
            }
            self.send_what_is_due();
            if self.committed.elapsed() >= COMMIT_INTERVAL {
                self.commit(CommitMode::Async);
            }
        }
        self.outlet.flush();
        self.commit(CommitMode::Sync);
    }

    fn take(&mut self, mut heard: Heard) {
        let Some(topic) = self.topics.get(&*heard.at.topic).cloned() else { return };
        heard.at.topic = topic.clone();
        let (partition, offset) = (heard.at.partition, heard.at.offset);
        let progress = self.partitions.entry((topic.clone(), partition)).or_default();
        if progress.held {
            return;
        }
        progress.next = offset + 1;
        let behaviour =
            Behaviour { company: &self.floor.company, schedule: &self.floor.schedule, service: &self.service };
        let action = behaviour.react(&heard, now_ms());
        let again = !matches!(action, Action::Pass) && !remember(&mut self.remembered, &heard);
        match action {
            Action::Send(delay, emissions) if !again => {
                progress.open.insert(offset);
                self.tasks += 1;
                self.floor.book.consumed(&self.group, (&topic, partition), offset + 1, 1);
                let task = Task { at: Instant::now() + delay, number: self.tasks, source: heard.at, emissions };
                self.due.push(Reverse(task));
            }
            Action::Hold => {
                progress.open.insert(offset);
                progress.held = true;
                self.floor.book.held(&self.group, (&topic, partition));
                let mut list = TopicPartitionList::new();
                list.add_partition(&topic, partition);
                if let Err(error) = self.consumer.pause(&list) {
                    tracing::warn!(%error, "a service of the demo could not stand still");
                }
            }
            _ => self.floor.book.consumed(&self.group, (&topic, partition), offset + 1, 0),
        }
    }

    fn send_what_is_due(&mut self) {
        let now = Instant::now();
        while self.due.peek().is_some_and(|Reverse(task)| task.at <= now) {
            let Some(Reverse(task)) = self.due.pop() else { return };
            for emission in task.emissions {
                self.outlet.send(emission);
            }
            let Coordinates { topic, partition, offset } = task.source;
            if let Some(progress) = self.partitions.get_mut(&(topic, partition)) {
                progress.open.remove(&offset);
            }
            self.floor.book.finished();
        }
    }

    fn commit(&mut self, mode: CommitMode) {
        self.committed = Instant::now();
        let mut list = TopicPartitionList::new();
        for ((topic, partition), progress) in &mut self.partitions {
            let offset = progress.committable();
            if offset > progress.committed {
                progress.committed = offset;
                if let Err(error) = list.add_partition_offset(topic, *partition, Offset::Offset(offset)) {
                    tracing::warn!(%error, topic = %topic, "an offset of the demo cannot be committed");
                }
            }
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, mode)
        {
            tracing::warn!(%error, group = %self.group, "a service of the demo could not commit");
        }
    }
}

fn heard(record: &BorrowedMessage<'_>) -> Heard {
    let headers: Headers = record.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
    });
    Heard {
        at: Coordinates::new(record.topic(), record.partition(), record.offset()),
        timestamp_ms: record.timestamp().to_millis().unwrap_or_default(),
        key: record.key().map(<[u8]>::to_vec),
        headers,
        value: record.payload().unwrap_or_default().to_vec(),
    }
}

/// False when a record with the same headers and value was acted on before: its event was published twice.
fn remember((seen, order): &mut (HashSet<u64>, VecDeque<u64>), heard: &Heard) -> bool {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hash = DefaultHasher::new();
    (&heard.headers, &heard.value, &heard.key).hash(&mut hash);
    if !seen.insert(hash.finish()) {
        return false;
    }
    order.push_back(hash.finish());
    if order.len() > REMEMBERED
        && let Some(oldest) = order.pop_front()
    {
        seen.remove(&oldest);
    }
    true
}

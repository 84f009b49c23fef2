//! Brokers, topics, leaders and log ends: the rare requests, over one connection a broker.

use super::Settings;
use super::clock;
use super::connection::Connection;
use super::error::{Error, code};
use super::security::Security;
use crate::event::{Timestamp, TopicPartition};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_response::{MetadataResponse, MetadataResponseTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A broker that failed is not tried again before this, so that one dead broker does not hold up every sample.
const AWAY: Duration = Duration::from_secs(2);

/// Brokers that are asked at the same time: a sample of many brokers is over soon, and takes few threads.
const AT_ONCE: usize = 8;

/// One topic as metadata shows it.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    pub(super) id: [u8; 16],
    pub(super) internal: bool,
    pub(super) partitions: Vec<Led>,
}

/// One partition and who leads it.
#[derive(Debug, Clone)]
pub(super) struct Led {
    pub(super) identity: Arc<TopicPartition>,
    /// Broker id; negative when nobody leads.
    pub(super) leader: i32,
    pub(super) epoch: i32,
}

/// A point of a log that ListOffsets can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogPoint {
    /// First offset that is still there.
    Start,
    /// Next offset that will be written.
    End,
    /// Where a read_committed reader stops.
    Stable,
    /// First record at or after this.
    At(Timestamp),
}

impl LogPoint {
    fn wire(self) -> (i64, i8) {
        match self {
            Self::Start => (-2, 0),
            Self::End => (-1, 0),
            Self::Stable => (-1, 1),
            Self::At(time) => (time.millis().max(0), 1),
        }
    }
}

/// Offsets by partition. A partition whose leader did not answer is not in it.
pub(super) type Offsets = HashMap<Arc<TopicPartition>, i64>;

/// Topic name and id.
type Incarnation = (Arc<str>, [u8; 16]);

/// One side's view of the cluster. Not shared between threads: each has its own connections.
pub(super) struct Cluster {
    name: Arc<str>,
    bootstrap: Vec<String>,
    security: Arc<Security>,
    stop: Arc<AtomicBool>,
    brokers: BTreeMap<i32, String>,
    links: HashMap<i32, Connection>,
    away: HashMap<i32, Instant>,
    /// The broker that answered last, asked first: one that is silent is not waited for at every look.
    answered: Option<i32>,
    identities: HashMap<Incarnation, HashMap<i32, Arc<TopicPartition>>>,
}

impl Cluster {
    pub(super) fn new(settings: &Settings, stop: &Arc<AtomicBool>) -> Self {
        Self {
            name: settings.cluster.as_str().into(),
            bootstrap: settings.brokers.clone(),
            security: Arc::clone(&settings.security),
            stop: Arc::clone(stop),
            brokers: BTreeMap::new(),
            links: HashMap::new(),
            away: HashMap::new(),
            answered: None,
            identities: HashMap::new(),
        }
    }

    /// Ids of the brokers that metadata named last.
    pub(super) fn brokers(&self) -> Vec<i32> {
        self.brokers.keys().copied().collect()
    }

    /// `host:port` of a broker.
    pub(super) fn address(&self, broker: i32) -> Option<&str> {
        self.brokers.get(&broker).map(String::as_str)
    }

    /// Runs `ask` on the connection to `broker`, which is opened if there is none and opened anew if it broke.
    pub(super) fn on<T>(
        &mut self,
        broker: i32,
        ask: impl FnMut(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut way = self.way(broker);
        let answer = way.ask(ask);
        self.keep(way);
        answer
    }

    /// Asks several brokers at the same time, each for what stands beside it.
    pub(super) fn at_once<W: Send, T: Send>(
        &mut self,
        work: BTreeMap<i32, W>,
        ask: impl Fn(&mut Way, W) -> T + Sync,
    ) -> Vec<(i32, T)> {
        let work: Vec<(Way, W)> = work.into_iter().map(|(broker, wanted)| (self.way(broker), wanted)).collect();
        let threads = AT_ONCE.min(work.len());
        let (work, done) = (Mutex::new(work.into_iter()), Mutex::new(Vec::new()));
        let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
        let run = || {
            while let Some((mut way, wanted)) = next() {
                let answer = ask(&mut way, wanted);
                done.lock().unwrap_or_else(PoisonError::into_inner).push((way, answer));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                // One that cannot be started leaves its share to the others.
                let _ = thread::Builder::new().name("ask".to_owned()).spawn_scoped(scope, run);
            }
            run();
        });
        let mut answers = Vec::new();
        for (way, answer) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
            answers.push((way.broker, answer));
            self.keep(way);
        }
        answers.sort_by_key(|(broker, _)| *broker);
        answers
    }

    fn way(&mut self, broker: i32) -> Way {
        Way {
            broker,
            address: self.brokers.get(&broker).cloned(),
            link: self.links.remove(&broker),
            away: self.away.get(&broker).copied(),
            security: Arc::clone(&self.security),
            stop: Arc::clone(&self.stop),
        }
    }

    fn keep(&mut self, way: Way) {
        match way.away {
            Some(until) => self.away.insert(way.broker, until),
            None => self.away.remove(&way.broker),
        };
        if let Some(link) = way.link {
            self.links.insert(way.broker, link);
        }
    }

    /// Asks for all topics that the tap may see: first the brokers it knows, then the bootstrap addresses.
    pub(super) fn topics(&mut self) -> Result<Vec<Topic>, Error> {
        let metadata = self.metadata()?;
        self.brokers = metadata.brokers.iter().map(|b| (b.node_id.0, format!("{}:{}", b.host, b.port))).collect();
        self.links.retain(|id, link| self.brokers.get(id) == Some(&link.address));
        let topics: Vec<Topic> = metadata.topics.iter().filter_map(|topic| self.topic(topic)).collect();
        let present: HashSet<(&str, [u8; 16])> = topics.iter().map(|topic| (&*topic.name, topic.id)).collect();
        self.identities.retain(|(name, id), _| present.contains(&(&**name, *id)));
        Ok(topics)
    }

    fn metadata(&mut self) -> Result<MetadataResponse, Error> {
        // No list of names: a broker creates nothing for a topic that nobody named, and the flag forbids it besides.
        let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
        let mut last: Option<Error> = None;
        let mut known = self.brokers();
        known.sort_by_key(|broker| Some(*broker) != self.answered);
        for broker in known {
            match self.on(broker, |link| link.call(&request)) {
                Ok(metadata) => {
                    self.answered = Some(broker);
                    return Ok(metadata);
                }
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => last = Some(error),
            }
        }
        for address in &self.bootstrap {
            let answer = Connection::open(address, &self.security, &self.stop).and_then(|mut link| {
                let metadata = link.call(&request)?;
                Ok((link, metadata))
            });
            match answer {
                Ok((link, metadata)) => {
                    let own = |b: &&kafka_protocol::messages::metadata_response::MetadataResponseBroker| {
                        format!("{}:{}", b.host, b.port) == link.address
                    };
                    if let Some(id) = metadata.brokers.iter().find(own).map(|b| b.node_id.0) {
                        self.links.insert(id, link);
                    }
                    return Ok(metadata);
                }
                Err(Error::Stopped) => return Err(Error::Stopped),
                // A broker that was reached and could not be spoken to says more than one that is away.
                Err(_) if last.as_ref().is_some_and(Error::is_security) => {}
                Err(error) => last = Some(error),
            }
        }
        if let Some(error) = last.take_if(|error| error.is_security()) {
            return Err(error);
        }
        let addresses = self.bootstrap.join(", ");
        Err(Error::Unreachable { addresses, last: Box::new(last.unwrap_or(Error::Away(-1))) })
    }

    fn topic(&mut self, topic: &MetadataResponseTopic) -> Option<Topic> {
        if topic.error_code != code::NONE {
            tracing::debug!(topic = ?topic.name, code = topic.error_code, "metadata without this topic");
            return None;
        }
        let name: Arc<str> = topic.name.as_ref()?.as_str().into();
        let id = *topic.topic_id.as_bytes();
        let identities = self.identities.entry((Arc::clone(&name), id)).or_default();
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let number = partition.partition_index;
            let new = || {
                Arc::new(TopicPartition {
                    cluster: Arc::clone(&self.name),
                    topic: Arc::clone(&name),
                    topic_id: id,
                    partition: number,
                })
            };
            let identity = Arc::clone(identities.entry(number).or_insert_with(new));
            partitions.push(Led { identity, leader: partition.leader_id.0, epoch: partition.leader_epoch });
        }
        partitions.sort_by_key(|led| led.identity.partition);
        Some(Topic { name, id, internal: topic.is_internal, partitions })
    }

    /// Asks the leader of each partition for one point of its log.
    ///
    /// An offset of -1 is passed on: for [`LogPoint::At`] it says "no record that young", or, on brokers that cannot
    /// look up by time, nothing at all.
    pub(super) fn offsets(&mut self, partitions: &[Led], point: LogPoint) -> Result<Offsets, Error> {
        let [offsets] = self.points(partitions, [point])?;
        Ok(offsets)
    }

    /// Asks the leader of each partition for several points of its log, one after the other, and all leaders at once.
    pub(super) fn points<const N: usize>(
        &mut self,
        partitions: &[Led],
        points: [LogPoint; N],
    ) -> Result<[Offsets; N], Error> {
        let mut by_leader: BTreeMap<i32, Vec<&Led>> = BTreeMap::new();
        for led in partitions.iter().filter(|led| led.leader >= 0) {
            by_leader.entry(led.leader).or_default().push(led);
        }
        let answers = self.at_once(by_leader, |way, mut asked| {
            asked.sort_by(|a, b| a.identity.cmp(&b.identity));
            points.map(|point| way.ask(|link| ask_offsets(link, &asked, point)))
        });
        let mut found = points.map(|_| Offsets::with_capacity(partitions.len()));
        for (leader, answers) in answers {
            for (offsets, answer) in found.iter_mut().zip(answers) {
                match answer {
                    Ok(some) => offsets.extend(some),
                    Err(error @ (Error::Stopped | Error::Unsupported { .. })) => return Err(error),
                    Err(error) => tracing::debug!(%error, leader, "log ends of this broker's partitions stay unknown"),
                }
            }
        }
        Ok(found)
    }
}

/// The way to one broker, for as long as somebody asks it.
pub(super) struct Way {
    broker: i32,
    /// `None` when metadata names no such broker.
    address: Option<String>,
    link: Option<Connection>,
    /// Not to be tried before this.
    away: Option<Instant>,
    security: Arc<Security>,
    stop: Arc<AtomicBool>,
}

impl Way {
    /// Runs `ask` on the connection, which is opened if there is none and opened anew if it broke. A broker that stays
    /// silent is away: it would be so on another connection, and others wait.
    pub(super) fn ask<T>(&mut self, mut ask: impl FnMut(&mut Connection) -> Result<T, Error>) -> Result<T, Error> {
        if let Some(mut link) = self.link.take() {
            match ask(&mut link) {
                Err(error) if error.is_silence() => {
                    self.away = Some(clock::now() + AWAY);
                    return Err(error);
                }
                Err(error) if error.is_connection() => {}
                answer => {
                    self.link = Some(link);
                    return answer;
                }
            }
        }
        let address = self.address.as_deref().ok_or(Error::Away(self.broker))?;
        if self.away.is_some_and(|until| clock::now() < until) {
            return Err(Error::Away(self.broker));
        }
        let answer = Connection::open(address, &self.security, &self.stop).and_then(|mut link| {
            let answer = ask(&mut link);
            if !answer.as_ref().is_err_and(Error::is_connection) {
                self.link = Some(link);
            }
            answer
        });
        self.away = match &answer {
            Err(error) if error.is_connection() => Some(clock::now() + AWAY),
            _ => None,
        };
        answer
    }
}

fn ask_offsets(
    link: &mut Connection,
    asked: &[&Led],
    point: LogPoint,
) -> Result<Vec<(Arc<TopicPartition>, i64)>, Error> {
    let answer = link.call(&list_offsets(asked, point))?;
    let mut offsets = Vec::with_capacity(asked.len());
    for topic in &answer.topics {
        for partition in topic.partitions.iter().filter(|p| p.error_code == code::NONE) {
            let key = (topic.name.as_str(), partition.partition_index);
            let at = asked.binary_search_by(|led| (&*led.identity.topic, led.identity.partition).cmp(&key));
            if let Ok(at) = at {
                offsets.push((Arc::clone(&asked[at].identity), partition.offset));
            }
        }
    }
    Ok(offsets)
}

fn list_offsets(asked: &[&Led], point: LogPoint) -> ListOffsetsRequest {
    let (timestamp, isolation) = point.wire();
    let topics = asked.chunk_by(|a, b| a.identity.topic == b.identity.topic).map(|of_topic| {
        let partitions = of_topic.iter().map(|led| {
            ListOffsetsPartition::default()
                .with_partition_index(led.identity.partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(timestamp)
        });
        ListOffsetsTopic::default()
            .with_name(topic_name(&of_topic[0].identity.topic))
            .with_partitions(partitions.collect())
    });
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(isolation)
        .with_topics(topics.collect())
}

/// `name` as the protocol crate wants it.
pub(super) fn topic_name(name: &Arc<str>) -> TopicName {
    TopicName(StrBytes::from_string(name.to_string()))
}

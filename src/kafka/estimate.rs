//! How much there is to read, before reading begins.

use super::Plan;
use super::begin::{Beginning, beginnings};
use super::cluster::{Cluster, Led, topic_name};
use super::connection::Connection;
use super::error::{Error, code};
use super::request::ReadRequest;
use crate::event::TopicPartition;
use kafka_protocol::messages::DescribeLogDirsRequest;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// How much there is to read, before reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Topics that the plan wants.
    pub topics: usize,
    /// Their partitions.
    pub partitions: usize,
    /// Offsets between the planned positions and the ends: an upper bound of the records.
    pub offsets: i64,
    /// Partitions whose leader did not answer: not in `offsets`.
    pub unreachable: usize,
    /// What these offsets weigh.
    pub size: Size,
}

/// The bytes of an [`Estimate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// About so many, as the brokers keep them on disk: of each log the share that is read.
    Bytes(u64),
    /// The brokers do not say: this needs DESCRIBE on the cluster.
    Denied,
    /// The brokers do not know the question (DescribeLogDirs).
    NotOffered,
    /// The brokers did not answer it.
    Silent,
}

impl Default for Size {
    fn default() -> Self {
        Self::Bytes(0)
    }
}

/// Asks the leaders of `wanted` where reading begins and how large their logs are.
pub(super) fn estimate(cluster: &mut Cluster, wanted: &[Led], plan: &dyn Plan) -> Result<Estimate, Error> {
    let topics: BTreeSet<&str> = wanted.iter().map(|led| &*led.identity.topic).collect();
    let beginnings = beginnings(cluster, wanted, plan)?;
    let mut estimate = Estimate {
        topics: topics.len(),
        partitions: wanted.len(),
        unreachable: wanted.len() - beginnings.len(),
        ..Estimate::default()
    };
    for beginning in &beginnings {
        estimate.offsets = estimate.offsets.saturating_add(unread(beginning));
    }
    if estimate.offsets > 0 {
        estimate.size = match log_sizes(cluster, &beginnings)? {
            Ok(sizes) => share(&beginnings, &sizes),
            Err(why) => why,
        };
    }
    Ok(estimate)
}

fn unread(beginning: &Beginning) -> i64 {
    beginning.stable.saturating_sub(beginning.position.max(beginning.log_start)).max(0)
}

/// What is read of logs of these sizes. Partitions whose size is not known count as the others.
fn share(beginnings: &[Beginning], sizes: &Sizes) -> Size {
    let (mut bytes, mut measured, mut all) = (0.0, 0.0, 0.0);
    for beginning in beginnings {
        let offsets = unread(beginning) as f64;
        all += offsets;
        let log = beginning.stable.saturating_sub(beginning.log_start).max(1) as f64;
        if let Some(&size) = sizes.get(&beginning.led.identity) {
            bytes += size as f64 * offsets / log;
            measured += offsets;
        }
    }
    // A ratio below one would be a size of nothing.
    if measured > 0.0 { Size::Bytes((bytes * all / measured) as u64) } else { Size::Silent }
}

/// Bytes of each log on its leader's disk.
type Sizes = HashMap<Arc<TopicPartition>, u64>;

/// Asks each leader for the logs that it leads; or why none said anything.
fn log_sizes(cluster: &mut Cluster, beginnings: &[Beginning]) -> Result<Result<Sizes, Size>, Error> {
    let mut by_leader: BTreeMap<i32, Vec<&Led>> = BTreeMap::new();
    for Beginning { led, .. } in beginnings.iter().filter(|beginning| unread(beginning) > 0) {
        by_leader.entry(led.leader).or_default().push(led);
    }
    let (mut sizes, mut why) = (Sizes::new(), Size::Silent);
    for (leader, mut asked) in by_leader {
        asked.sort_by(|a, b| a.identity.cmp(&b.identity));
        match cluster.on(leader, |link| ask(link, &asked)) {
            Ok(some) => sizes.extend(some),
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(Error::Unsupported { .. }) => why = Size::NotOffered,
            Err(Error::Refused { code: code::CLUSTER_AUTHORIZATION_FAILED, .. }) => why = Size::Denied,
            Err(error) => tracing::debug!(%error, leader, "the sizes of this broker's logs stay unknown"),
        }
    }
    Ok(if sizes.is_empty() { Err(why) } else { Ok(sizes) })
}

fn ask(link: &mut Connection, asked: &[&Led]) -> Result<Sizes, Error> {
    /// First version that says when it was not allowed to answer; before, the answer is empty.
    const SAYS_DENIED: i16 = 3;
    let topic = |of_topic: &[&Led]| {
        DescribableLogDirTopic::default()
            .with_topic(topic_name(&of_topic[0].identity.topic))
            .with_partitions(of_topic.iter().map(|led| led.identity.partition).collect())
    };
    let topics = asked.chunk_by(|a, b| a.identity.topic == b.identity.topic).map(topic).collect();
    let answer = link.call(&DescribeLogDirsRequest::default().with_topics(Some(topics)))?;
    let silent = answer.results.is_empty() && link.version_of::<DescribeLogDirsRequest>()? < SAYS_DENIED;
    let code = if silent { code::CLUSTER_AUTHORIZATION_FAILED } else { answer.error_code };
    if code != code::NONE {
        return Err(Error::Refused { broker: link.address.clone(), request: DescribeLogDirsRequest::NAME, code });
    }
    let mut sizes = Sizes::new();
    for topic in answer.results.iter().flat_map(|folder| &folder.topics) {
        // One that moves to another disk is there twice; it is read once.
        for partition in topic.partitions.iter().filter(|partition| !partition.is_future_key) {
            let key = (topic.name.as_str(), partition.partition_index);
            if let Ok(at) = asked.binary_search_by(|led| (&*led.identity.topic, led.identity.partition).cmp(&key)) {
                sizes.insert(Arc::clone(&asked[at].identity), u64::try_from(partition.partition_size).unwrap_or(0));
            }
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning(partition: i32, position: i64, log_start: i64, stable: i64) -> Beginning {
        let identity = TopicPartition { cluster: "c".into(), topic: "t".into(), topic_id: [0; 16], partition };
        Beginning { led: Led { identity: Arc::new(identity), leader: 1, epoch: 0 }, position, log_start, stable }
    }

    #[test]
    fn only_the_window_counts_by_its_share_of_the_log() {
        let whole = beginning(0, 0, 100, 200);
        let half = beginning(1, 150, 100, 200);
        let nothing = beginning(2, 200, 100, 200);
        let sizes: Sizes = [&whole, &half, &nothing].into_iter().map(|one| (one.led.identity.clone(), 1000)).collect();
        assert_eq!(share(&[whole.clone(), half.clone(), nothing], &sizes), Size::Bytes(1500));
        assert_eq!(unread(&whole), 100);
        let unmeasured = beginning(3, 0, 0, 150);
        assert_eq!(share(&[whole, half, unmeasured.clone()], &sizes), Size::Bytes(3000), "as the others");
        assert_eq!(share(&[unmeasured], &sizes), Size::Silent);
    }
}

//! Numbers for names: partitions, profiles and producers, each named once in the database.

use crate::decode;
use crate::event::{
    Changes, EventRef, Ordinal, PartitionRow, Producer, ProducerRow, Profile, ProfileRow, TopicPartition,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Profiles that get a number of their own; types come from outside and could be different in every record.
const PROFILES: usize = 1 << 20;
/// Producer instances that get a number of their own.
const PRODUCERS: usize = 1 << 22;

/// What the core knows of one partition and base.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// One number for all partitions of all incarnations of a topic.
    pub topic: u32,
    pub partition: Arc<TopicPartition>,
    pub base: i64,
}

/// A profile's number, and one number for all profiles of the same type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProfileNumber {
    pub profile: i32,
    pub event_type: i32,
}

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalog {
    places: Vec<Place>,
    ordinals: HashMap<(Arc<TopicPartition>, i64), Ordinal>,
    /// The newest of each partition.
    last_ordinals: HashMap<Arc<TopicPartition>, Ordinal>,
    /// The newest incarnation of each partition by (topic number, partition).
    current: HashMap<(u32, i32), Arc<TopicPartition>>,
    topics: HashMap<(Arc<str>, Arc<str>), u32>,
    clusters: HashSet<Arc<str>>,
    incarnations: HashMap<u32, Vec<[u8; 16]>>,
    profiles: HashMap<Profile, ProfileNumber>,
    types: HashMap<String, i32>,
    /// Type number by profile number.
    type_of: Vec<i32>,
    producers: HashMap<(Arc<str>, i64, i16), i32>,
    /// Profiles and producers that got no number of their own.
    pub unnumbered: u64,
}

impl Catalog {
    /// The place of `offset` on `partition`; `None` when all ordinals are taken.
    pub fn place(&mut self, partition: &Arc<TopicPartition>, offset: i64, changes: &mut Changes) -> Option<Ordinal> {
        let key = (partition.clone(), EventRef::base(offset));
        if let Some(&ordinal) = self.ordinals.get(&key) {
            return Some(ordinal);
        }
        if self.places.len() as u32 >= EventRef::MAX_ORDINALS {
            self.unnumbered += 1;
            return None;
        }
        let ordinal = Ordinal(self.places.len() as u32);
        let row = PartitionRow {
            ordinal,
            partition: partition.clone(),
            incarnation: self.incarnation(partition),
            base: key.1,
            class: decode::class(&partition.topic),
        };
        self.restore_place(&row);
        changes.partitions.push(row);
        Some(ordinal)
    }

    /// The newest incarnation that has this id: a log that was cut begins another one under the same.
    fn incarnation(&mut self, partition: &TopicPartition) -> i32 {
        let topic = self.topic(&partition.cluster, &partition.topic);
        let known = self.incarnations.entry(topic).or_default();
        let at = known.iter().rposition(|id| *id == partition.topic_id).unwrap_or_else(|| {
            known.push(partition.topic_id);
            known.len() - 1
        });
        at as i32
    }

    /// The log of `partition` was cut at `offset`: from there on its offsets name other records, which get numbers of
    /// another incarnation. Gives the numbers that end.
    pub fn cut(&mut self, partition: &Arc<TopicPartition>, offset: i64) -> Vec<Ordinal> {
        let from = EventRef::base(offset);
        let ended: Vec<Ordinal> =
            self.ordinals.extract_if(|(of, base), _| of == partition && *base >= from).map(|(_, o)| o).collect();
        if !ended.is_empty() {
            self.last_ordinals.remove(partition);
            let topic = self.topic(&partition.cluster, &partition.topic);
            self.incarnations.entry(topic).or_default().push(partition.topic_id);
        }
        ended
    }

    /// Whether `ordinal` still names what its partition holds.
    pub fn is_current(&self, ordinal: Ordinal) -> bool {
        self.at(ordinal)
            .is_some_and(|place| self.ordinals.get(&(place.partition.clone(), place.base)) == Some(&ordinal))
    }

    /// Takes in a dictionary row of an earlier run; rows come in the order of their numbers.
    pub fn restore_place(&mut self, row: &PartitionRow) {
        let topic = self.topic(&row.partition.cluster, &row.partition.topic);
        let known = self.incarnations.entry(topic).or_default();
        let incarnations = usize::try_from(row.incarnation).unwrap_or(0).min(EventRef::MAX_ORDINALS as usize) + 1;
        known.resize(known.len().max(incarnations), row.partition.topic_id);
        self.ordinals.insert((row.partition.clone(), row.base), row.ordinal);
        self.last_ordinals.insert(row.partition.clone(), row.ordinal);
        self.current.insert((topic, row.partition.partition), row.partition.clone());
        self.places.push(Place { topic, partition: row.partition.clone(), base: row.base });
    }

    fn topic(&mut self, cluster: &Arc<str>, topic: &Arc<str>) -> u32 {
        let next = self.topics.len() as u32;
        if !self.clusters.contains(cluster) {
            self.clusters.insert(cluster.clone());
        }
        *self.topics.entry((cluster.clone(), topic.clone())).or_insert(next)
    }

    /// The place that an ordinal stands for.
    pub fn at(&self, ordinal: Ordinal) -> Option<&Place> {
        self.places.get(ordinal.0 as usize)
    }

    /// The cluster to which coordinates on `topic` belong that a record on `at` names; `None` when it is not tapped.
    ///
    /// A mirror copies a dead letter with its headers: on `west.orders-dlt` they speak of the cluster `west`, where the
    /// offsets are others. MirrorMaker 2 puts the name of that cluster before each topic (`DefaultReplicationPolicy`).
    pub fn home(&self, at: &TopicPartition, topic: &str) -> Option<Arc<str>> {
        let here = Some(at.cluster.clone());
        let Some((alias, _)) = at.topic.split_once('.') else { return here };
        // A consumer of the mirror itself fails on what it read: on the copy.
        if topic.split_once('.').is_some_and(|(of, _)| of == alias) || alias == &*at.cluster {
            return here;
        }
        if let Some(cluster) = self.clusters.get(alias) {
            return Some(cluster.clone());
        }
        let is_here = |topic: &str| self.topics.contains_key(&(at.cluster.clone(), topic.into()));
        if !is_here(topic) && is_here(&format!("{alias}.{topic}")) { None } else { here }
    }

    /// The partition that goes by these names now.
    pub fn find(&self, cluster: &str, topic: &str, partition: i32) -> Option<&Arc<TopicPartition>> {
        let topic = self.topics.get(&(cluster.into(), topic.into()))?;
        self.current.get(&(*topic, partition))
    }

    /// The ordinal of `offset` on `partition`, if it has one.
    pub fn ordinal(&self, partition: &Arc<TopicPartition>, offset: i64) -> Option<Ordinal> {
        self.ordinals.get(&(partition.clone(), EventRef::base(offset))).copied()
    }

    /// The last ordinal of `partition`: a commit names a record that is there, or is about to come.
    pub fn last_ordinal(&self, partition: &Arc<TopicPartition>) -> Option<Ordinal> {
        self.last_ordinals.get(partition).copied()
    }

    /// The number of a profile.
    pub fn profile(&mut self, profile: &Profile, changes: &mut Changes) -> ProfileNumber {
        if let Some(&number) = self.profiles.get(profile) {
            return number;
        }
        if self.profiles.len() >= PROFILES {
            self.unnumbered += 1;
            return self.profile_number(Profile { convention: "limit".into(), ..Profile::default() }, changes);
        }
        self.profile_number(profile.clone(), changes)
    }

    fn profile_number(&mut self, content: Profile, changes: &mut Changes) -> ProfileNumber {
        if let Some(&number) = self.profiles.get(&content) {
            return number;
        }
        let row = ProfileRow { profile: self.profiles.len() as i32, content };
        let number = self.restore_profile(&row);
        changes.profiles.push(row);
        number
    }

    /// Takes in a dictionary row of an earlier run.
    pub fn restore_profile(&mut self, row: &ProfileRow) -> ProfileNumber {
        let next = self.types.len() as i32;
        let event_type = *self.types.entry(row.content.kind.clone()).or_insert(next);
        let number = ProfileNumber { profile: row.profile, event_type };
        self.profiles.insert(row.content.clone(), number);
        self.type_of.push(event_type);
        number
    }

    /// The number of a profile's type.
    pub fn event_type(&self, profile: i32) -> i32 {
        self.type_of.get(profile as usize).copied().unwrap_or(0)
    }

    /// The number of a producer; `None` when all are taken.
    pub fn producer(&mut self, cluster: &Arc<str>, producer: Producer, changes: &mut Changes) -> Option<i32> {
        let key = (cluster.clone(), producer.id, producer.epoch);
        if let Some(&number) = self.producers.get(&key) {
            return Some(number);
        }
        if self.producers.len() >= PRODUCERS {
            self.unnumbered += 1;
            return None;
        }
        let row = ProducerRow {
            producer: self.producers.len() as i32,
            cluster: cluster.clone(),
            producer_id: producer.id,
            epoch: producer.epoch,
        };
        self.restore_producer(&row);
        let number = row.producer;
        changes.producers.push(row);
        Some(number)
    }

    /// Takes in a dictionary row of an earlier run.
    pub fn restore_producer(&mut self, row: &ProducerRow) {
        self.producers.insert((row.cluster.clone(), row.producer_id, row.epoch), row.producer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(cluster: &str, topic: &str) -> Arc<TopicPartition> {
        Arc::new(TopicPartition { cluster: cluster.into(), topic: topic.into(), topic_id: [0; 16], partition: 0 })
    }

    #[test]
    fn coordinates_on_a_mirror_belong_to_the_cluster_that_it_copies() {
        let mut catalog = Catalog::default();
        let mut read = |cluster, topic| {
            let partition = partition(cluster, topic);
            catalog.place(&partition, 0, &mut Changes::default());
            partition
        };
        let (letter, own) = (read("main", "west.orders-dlt"), read("main", "orders-dlt"));
        read("main", "west.orders");
        let home = |catalog: &Catalog, at: &TopicPartition, topic: &str| catalog.home(at, topic).map(|c| c.to_string());
        assert_eq!(home(&catalog, &letter, "orders"), None, "west is not tapped, and its copy lies beside");
        assert_eq!(home(&catalog, &letter, "west.orders").as_deref(), Some("main"), "a consumer of the mirror failed");
        assert_eq!(home(&catalog, &own, "orders").as_deref(), Some("main"));
        assert_eq!(home(&catalog, &letter, "payments").as_deref(), Some("main"), "a dot alone is no mirror");
        catalog.place(&partition("west", "orders"), 0, &mut Changes::default());
        assert_eq!(home(&catalog, &letter, "orders").as_deref(), Some("west"));
    }
}

//! Which topics each consumer group reads: only what one group reads together can cause something together, and only who
//! reads a topic can fail on it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Groups and topics that are kept, in pairs. What does not fit causes nothing, as far as is concluded.
const READINGS: usize = 200_000;

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct Readings {
    topics: HashMap<Arc<str>, BTreeSet<u32>>,
    groups: HashMap<u32, BTreeSet<Arc<str>>>,
    kept: usize,
}

impl Readings {
    /// A group has committed on a topic; true when that is new.
    pub fn add(&mut self, group: &Arc<str>, topic: u32) -> bool {
        if self.kept >= READINGS || self.topics.get(group).is_some_and(|topics| topics.contains(&topic)) {
            return false;
        }
        self.topics.entry(group.clone()).or_default().insert(topic);
        self.groups.entry(topic).or_default().insert(group.clone());
        self.kept += 1;
        true
    }

    /// A group counts no more; gives the topics that it read.
    pub fn remove(&mut self, group: &str) -> BTreeSet<u32> {
        let topics = self.topics.remove(group).unwrap_or_default();
        for topic in &topics {
            if let Some(groups) = self.groups.get_mut(topic) {
                groups.remove(group);
            }
        }
        self.kept -= topics.len();
        topics
    }

    /// True when one group reads all these topics, or nothing is known of groups.
    pub fn together(&self, topics: &[u32]) -> bool {
        self.topics.is_empty() || self.topics.values().any(|read| topics.iter().all(|topic| read.contains(topic)))
    }

    /// The groups that read `topic`, by name.
    pub fn of_topic(&self, topic: u32) -> impl Iterator<Item = &Arc<str>> {
        self.groups.get(&topic).into_iter().flatten()
    }
}

//! What the company's topics, types, producers and groups are called.

use fastrand::Rng;
use headwater::event::{Changes, Ordinal, PartitionRow, ProducerRow, Profile, ProfileRow, TopicClass, TopicPartition};
use std::sync::Arc;

pub const CLUSTER: &str = "main";

pub const TOPICS: usize = 120;
/// The last ones are for retries, then for dead letters.
pub const BUSINESS_TOPICS: usize = 110;
pub const RETRY_TOPICS: usize = 5;
pub const PARTITIONS: usize = 10;
pub const PROFILES: usize = 200;
/// Producers of a topic have numbers in a row, from five times its own on.
pub const PRODUCERS: usize = 300;
pub const PRODUCERS_A_TOPIC: usize = 3;
pub const GROUPS: usize = 40;

/// How many keys come again and again.
const HOT_KEYS: u64 = 1_000;

/// The key of a conversation.
pub fn key(number: u64, hot: bool) -> String {
    if hot { format!("customer-{}", number % HOT_KEYS) } else { format!("order-{number:09}") }
}

pub fn group(number: usize) -> Arc<str> {
    format!("group-{number:02}").into()
}

/// The groups that read `topic`, with it.
pub fn readers(topic: usize) -> impl Iterator<Item = (usize, usize)> {
    let second = topic.is_multiple_of(3).then_some((topic, (topic * 11 + 3) % GROUPS));
    std::iter::once((topic, topic * 7 % GROUPS)).chain(second)
}

fn class(topic: usize) -> TopicClass {
    match topic {
        dead if dead >= BUSINESS_TOPICS + RETRY_TOPICS => TopicClass::DeadLetter,
        retry if retry >= BUSINESS_TOPICS => TopicClass::Retry,
        _ => TopicClass::Business,
    }
}

pub fn topic_name(topic: usize) -> String {
    match class(topic) {
        TopicClass::DeadLetter => format!("topic-{topic:03}-dlt"),
        TopicClass::Retry => format!("topic-{topic:03}-retry"),
        _ => format!("topic-{topic:03}"),
    }
}

/// Partition `at` of all; `seed` makes its topic's id.
pub fn partition(at: usize, seed: u64) -> Arc<TopicPartition> {
    let (topic, partition) = (at / PARTITIONS, (at % PARTITIONS) as i32);
    let topic_id = Rng::with_seed(seed ^ topic as u64).u128(..).to_be_bytes();
    Arc::new(TopicPartition { cluster: CLUSTER.into(), topic: topic_name(topic).into(), topic_id, partition })
}

/// Business topics, each as often as its share of the events: the first gets the most, as names in a language do.
pub fn popular() -> Vec<u8> {
    let weight = |topic: usize| 4_000 / (topic + 4);
    (0..BUSINESS_TOPICS).flat_map(|topic| std::iter::repeat_n(topic as u8, weight(topic))).collect()
}

/// Adds what all numbers stand for.
pub fn dictionaries<'a>(partitions: impl Iterator<Item = &'a Arc<TopicPartition>>, changes: &mut Changes) {
    let row = |(at, partition): (usize, &Arc<TopicPartition>)| PartitionRow {
        ordinal: Ordinal(at as u32),
        partition: Arc::clone(partition),
        incarnation: 0,
        base: 0,
        class: class(at / PARTITIONS),
    };
    changes.partitions = partitions.enumerate().map(row).collect();
    let content = |n: usize| Profile {
        kind: format!("com.example.Something{n:03}Happened"),
        source: format!("/services/service-{:02}", n % 60),
        version: "1".into(),
        convention: if n.is_multiple_of(2) { "cloudevents-binary".into() } else { "headers".into() },
    };
    changes.profiles = (0..PROFILES).map(|n| ProfileRow { profile: n as i32, content: content(n) }).collect();
    changes.producers = (0..(PRODUCERS + PRODUCERS_A_TOPIC) as i32)
        .map(|n| ProducerRow { producer: n, cluster: CLUSTER.into(), producer_id: 1_000 + i64::from(n), epoch: 0 })
        .collect();
}

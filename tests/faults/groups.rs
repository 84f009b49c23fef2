//! Groups whose broker falls silent in the middle of a sample.

use super::{PATIENCE, cluster};
use crate::reader::settings;
use crate::reader_on_kafka::Prefix;
use crate::support::proxy::{Fault, OFFSET_FETCH, Proxy};
use crate::support::{poll_until, produce};
use headwater::event::{GroupSample, Timestamp};
use headwater::kafka::Admin;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::time::Instant;

const TOPIC: &str = "faults-groups";
/// The broker that falls silent.
const ONE: usize = 2;
/// Longer than the answer of one broker is waited for, shorter than two such waits: nobody waits for it again and again.
const AT_MOST_MS: i64 = 17_000;

fn names(sample: &GroupSample) -> BTreeSet<String> {
    sample.groups.iter().map(|state| state.group.to_string()).filter(|name| name.starts_with("silent-")).collect()
}

/// Groups enough that each broker coordinates some.
fn commit(bootstrap: &str) -> BTreeSet<String> {
    let group = |number: usize| {
        let name = format!("silent-{number}");
        let consumer: BaseConsumer = produce::reader(bootstrap, &[("group.id", &name)]);
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(TOPIC, 0, Offset::Offset(0)).unwrap();
        poll_until("a commit", PATIENCE, || consumer.commit(&offsets, CommitMode::Sync).ok());
        name
    };
    (0..12).map(group).collect()
}

#[test]
fn a_sample_keeps_what_it_has_when_a_broker_falls_silent_in_it() {
    let Some((kafka, _alone)) = cluster() else { return };
    produce::create_topic(&kafka.bootstrap, TOPIC, 6);
    let all = commit(&kafka.bootstrap);
    let proxy = Proxy::start(&kafka.bootstrap);
    let plan = Prefix(TOPIC.to_owned(), Default::default());
    let mut admin = Admin::connect(&settings(&proxy.bootstrap)).unwrap();
    let mut sample = |at: i64| admin.groups(&[], &plan, Timestamp(at)).unwrap();
    let whole = sample(1);
    assert_eq!((names(&whole), whole.complete, whole.ends.len()), (all.clone(), true, 6));

    // It lists its groups, and then does not say how far they are.
    proxy.set(ONE, Fault::Mute(OFFSET_FETCH));
    let begun = Instant::now();
    let partial = sample(2);
    let some = names(&partial);
    println!("{} of {} groups in {} ms", some.len(), all.len(), partial.took_ms);
    assert!(!partial.complete, "marked partial");
    assert!(!some.is_empty() && some.len() < all.len() && some.is_subset(&all), "{some:?}");
    assert_eq!(partial.resolution_ms, 0, "the sample before was of the same millisecond");
    assert!((5_000..AT_MOST_MS).contains(&partial.took_ms), "{} ms", partial.took_ms);
    assert!(begun.elapsed().as_millis() as i64 >= partial.took_ms);
    // What the others lead is there.
    assert!(partial.ends.len() >= 4, "{}", partial.ends.len());

    proxy.set(ONE, Fault::None);
    poll_until("a whole sample", PATIENCE, || {
        let sample = sample(3);
        (sample.complete && names(&sample) == all).then_some(())
    });
}

//! The simulated company on librdkafka's mock cluster, without a tap.
//!
//! Proves: the ledger is complete and true to the log, groups commit what they passed, and nothing but the poisoned
//! partition stands still. Does not prove: real groups and rebalances (the mock has neither), or what a tap makes of it.

use headwater::demo::cluster::Cluster;
use headwater::demo::company::{Company, FaultKind};
use headwater::demo::floor::Running;
use headwater::demo::ledger::{Coordinates, Ledger, Role};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A company that reaches every kind of fault within some seconds.
fn hurried() -> Company {
    let mut company = Company::shipped().unwrap();
    company.orders_per_second = 100.0;
    for fault in &mut company.faults {
        fault.rate *= 1.5;
        fault.at_order = fault.at_order.map(|_| 40);
        fault.work_ms = fault.work_ms.map(|_| 1);
    }
    company
}

fn run(cluster: &Cluster, company: Company, orders: usize) -> (Ledger, HashMap<(String, String, i32), i64>) {
    let running = Running::open(company, 7, cluster).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while running.book().counts().0 < orders * 8 {
        assert!(Instant::now() < deadline, "the company is slow: {:?}", running.book().counts());
        std::thread::yield_now();
        running.rest(Duration::from_millis(50));
    }
    running.last_orders();
    assert!(running.rest(PATIENCE), "the company never came to rest: {:?}", running.book().positions());
    let positions = running.book().positions();
    let names = |((group, topic, partition), next): ((std::sync::Arc<str>, std::sync::Arc<str>, i32), i64)| {
        ((group.to_string(), topic.to_string(), partition), next)
    };
    let positions = positions.into_iter().map(names).collect();
    (running.close(), positions)
}

/// Scenario: the company runs for some hundred orders and comes to rest.
/// Guarantees: every record was confirmed and is in the ledger, with nothing missing between offsets; every failure leads to
/// the order that it belongs to; groups committed what they passed; one partition of one group stands still, orders do not.
#[test]
fn the_ledger_of_a_run_is_complete_and_groups_have_committed() {
    let company = hurried();
    let cluster = Cluster::in_process(&company).unwrap();
    let (ledger, positions) = run(&cluster, company.clone(), 300);
    assert_eq!((ledger.undelivered, ledger.beyond), (0, 0));

    let places: HashSet<&Coordinates> = ledger.records.iter().map(|record| &record.at).collect();
    assert_eq!(places.len(), ledger.records.len(), "no two records on one place");
    let ends = ledger.ends();
    assert_eq!(ends.values().sum::<i64>() as usize, ledger.records.len(), "no hole before any end");
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", cluster.brokers()).create().unwrap();
    for ((topic, partition), end) in &ends {
        let (low, high) = client.fetch_watermarks(topic, *partition, PATIENCE).unwrap();
        assert_eq!((low, high), (0, *end), "{topic}/{partition}: the broker agrees");
    }
    for record in ledger.records.iter().filter(|record| record.entry.cause.is_some()) {
        assert!(places.contains(record.entry.cause.as_ref().unwrap()), "{} has its cause", record.at);
    }

    let failures = ledger.records.iter().filter(|r| matches!(r.entry.role, Role::Retry | Role::DeadLetter)).count();
    let injected = ledger.injected();
    assert_eq!(injected.len(), failures, "every failure leads to its root");
    let orders: HashMap<_, _> = ledger
        .records
        .iter()
        .filter(|record| record.entry.cause.is_none())
        .map(|record| (record.entry.order, &record.at))
        .collect();
    for failure in &injected {
        assert_eq!(&failure.root, orders[&failure.order], "{}", failure.at);
    }
    let kinds: HashSet<_> = injected.iter().map(|failure| company.faults[failure.fault].kind).collect();
    assert!(kinds.contains(&FaultKind::DeadLetter) && kinds.contains(&FaultKind::RetryThenSuccess), "{kinds:?}");

    let stuck = assert_committed(&cluster, &company, &positions, &ends);
    assert_eq!(stuck.len(), 1, "{stuck:?}");
    assert_eq!((stuck[0].0.as_str(), stuck[0].1.as_str()), ("loyalty", "loyalty"));
    let count = |event: &str| ledger.records.iter().filter(|r| &*r.entry.event == event).count();
    assert!(count("order.completed") > 200, "ordering survives: {}", count("order.completed"));
}

/// Compares commits with what was read; gives back (group, topic, partition) of the groups that stand still.
fn assert_committed(
    cluster: &Cluster,
    company: &Company,
    positions: &HashMap<(String, String, i32), i64>,
    ends: &HashMap<(std::sync::Arc<str>, i32), i64>,
) -> Vec<(String, String, i32)> {
    let mut stuck = Vec::new();
    for service in &company.services {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", cluster.brokers())
            .set("group.id", &service.group)
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        for (topic, partition) in ends.keys().filter(|(topic, _)| service.consumes.iter().any(|t| **t == **topic)) {
            list.add_partition(topic, *partition);
        }
        let committed: BTreeMap<_, _> =
            client.committed_offsets(list, PATIENCE).unwrap().to_topic_map().into_iter().collect();
        for ((topic, partition), offset) in committed {
            let Offset::Offset(offset) = offset else { panic!("{}: nothing on {topic}/{partition}", service.group) };
            let end = ends[&(topic.as_str().into(), partition)];
            let place = (service.group.clone(), topic, partition);
            if offset == end {
                assert_eq!(positions[&place], end, "{place:?}");
            } else {
                stuck.push(place);
            }
        }
    }
    stuck
}

/// Scenario: the same seed twice.
/// Guarantees: the same orders, faults and events, whatever the threads did.
#[test]
fn a_seed_repeats_what_happens_to_each_order() {
    let company = hurried();
    let story = |ledger: &Ledger| -> HashMap<u64, Vec<(String, Option<usize>)>> {
        let mut story: HashMap<_, Vec<_>> = HashMap::new();
        for record in ledger.records.iter().filter(|r| r.entry.order < 100 && &*r.at.topic != "loyalty") {
            if !record.at.topic.starts_with("loyalty") {
                story.entry(record.entry.order).or_default().push((record.entry.event.to_string(), record.entry.fault));
            }
        }
        story.values_mut().for_each(|events| events.sort());
        story
    };
    let [first, second] = [(); 2].map(|()| {
        let cluster = Cluster::in_process(&company).unwrap();
        story(&run(&cluster, company.clone(), 110).0)
    });
    assert_eq!(first.len(), 100);
    assert_eq!(first, second);
}

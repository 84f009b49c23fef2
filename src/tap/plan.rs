//! What a tap reads and where it begins.

use super::commit_log::COMMIT_LOG;
use crate::config::{From, TapConfig};
use crate::decode;
use crate::event::{Timestamp, TopicClass, TopicPartition};
use crate::kafka::{Plan, Position};
use regex::Regex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How much before the last event of an earlier run the log of commits is read again: its fetch thread may have been behind
/// the others. What is told twice changes nothing.
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// One tap's plan.
pub(super) struct TapPlan {
    topics: Option<Regex>,
    exclude: Option<Regex>,
    from: Position,
    /// Where an earlier run stopped.
    positions: HashMap<TopicPartition, i64>,
    /// Names that an earlier run knew, under whatever id.
    names: HashSet<(Arc<str>, i32)>,
    /// Where the log of commits is read from.
    log_from: Position,
}

/// A plan that reads the log of commits as well. Barriers and estimates do not know of it.
pub(super) struct WithLog(pub Arc<TapPlan>);

impl Plan for WithLog {
    fn wants(&self, topic: &str) -> bool {
        topic == COMMIT_LOG || self.0.wants(topic)
    }

    fn position(&self, partition: &TopicPartition) -> Position {
        if *partition.topic == *COMMIT_LOG { self.0.log_from } else { self.0.position(partition) }
    }
}

impl TapPlan {
    /// `positions` and `newest`, when the last event was seen, are those of an earlier run.
    pub fn new(
        config: &TapConfig,
        (positions, newest): (HashMap<TopicPartition, i64>, Option<Timestamp>),
        now: Timestamp,
    ) -> Self {
        let from = match config.from {
            From::Earliest => Position::Earliest,
            From::Latest => Position::Latest,
            From::Time(time) => Position::Time(time),
            From::Ago(ago) => Position::Time(Timestamp(now.0.saturating_sub(ago.as_micros() as i64))),
        };
        let own = |known: &&TopicPartition| *known.cluster == *config.cluster;
        let names = positions.keys().filter(own).map(|known| (known.topic.clone(), known.partition)).collect();
        let again = |seen: Timestamp| Position::Time(Timestamp(seen.0.saturating_sub(LOG_AGAIN.as_micros() as i64)));
        let log_from = newest.filter(|_| !positions.is_empty()).map_or(from, again);
        Self { topics: config.topics.clone(), exclude: config.exclude.clone(), from, positions, names, log_from }
    }
}

impl Plan for TapPlan {
    fn wants(&self, topic: &str) -> bool {
        decode::class(topic) != TopicClass::Internal
            && self.topics.as_ref().is_none_or(|wanted| wanted.is_match(topic))
            && !self.exclude.as_ref().is_some_and(|unwanted| unwanted.is_match(topic))
    }

    fn position(&self, partition: &TopicPartition) -> Position {
        match (self.positions.get(partition), decode::class(&partition.topic)) {
            (Some(&next), _) => Position::Resume(next),
            // Created again while nobody looked: all that it holds is new.
            (None, _) if self.names.contains(&(partition.topic.clone(), partition.partition)) => Position::Earliest,
            // Failures are few and old ones matter: their topics are read whole.
            (None, TopicClass::DeadLetter | TopicClass::Retry) => Position::Earliest,
            (None, _) => self.from,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A plan of orders and payments, from their start.
    pub fn all() -> Arc<TapPlan> {
        Arc::new(TapPlan::new(&config(From::Earliest), (HashMap::new(), None), Timestamp(0)))
    }

    fn config(from: From) -> TapConfig {
        TapConfig {
            otlp: None,
            telemetry: None,
            cluster: "c".into(),
            brokers: Vec::new(),
            db: "x".into(),
            from,
            topics: Regex::new("^(orders|payments)").ok(),
            exclude: Regex::new("secret").ok(),
            groups: Vec::new(),
            commit_log: crate::config::CommitLog::Auto,
            max_read: None,
            client: crate::config::Client::Native,
            also: Vec::new(),
            serve: None,
            serve_tls: None,
            metrics: None,
            sample_interval: Duration::from_secs(5),
            commit_interval: Duration::from_millis(500),
            business_flows: Vec::new(),
            lag_value: None,
            not_attending: Vec::new(),
            conventions: Vec::new(),
            kafka: crate::event::ClientProperties::default(),
            registry: crate::event::ClientProperties::default(),
            retention: crate::event::Retention::default(),
            payloads: false,
            failure_text: crate::event::FailureText::Masked,
            memory: 1 << 30,
        }
    }

    fn plan(from: From) -> TapPlan {
        let known = TopicPartition { cluster: "c".into(), topic: "orders".into(), topic_id: [0; 16], partition: 3 };
        let earlier = (HashMap::from([(known, 42)]), Some(Timestamp(70_000_000)));
        TapPlan::new(&config(from), earlier, Timestamp(10_000_000))
    }

    fn position(plan: &TapPlan, topic: &str, partition: i32) -> Position {
        plan.position(&TopicPartition { cluster: "c".into(), topic: topic.into(), topic_id: [0; 16], partition })
    }

    #[test]
    fn filters_decide_what_is_read_and_internal_topics_never_are() {
        let plan = plan(From::Earliest);
        assert!(plan.wants("orders") && plan.wants("payments-dlt"));
        assert!(!plan.wants("kitchen") && !plan.wants("orders-secret") && !plan.wants("__consumer_offsets"));
    }

    #[test]
    fn the_log_of_commits_is_read_from_where_an_earlier_run_ended() {
        let again = WithLog(Arc::new(plan(From::Earliest)));
        assert!(again.wants(COMMIT_LOG) && again.wants("orders") && !again.wants("kitchen"));
        let log = TopicPartition { cluster: "c".into(), topic: COMMIT_LOG.into(), topic_id: [0; 16], partition: 3 };
        assert_eq!(again.position(&log), Position::Time(Timestamp(10_000_000)));
        assert_eq!(again.position(&TopicPartition { topic: "orders".into(), ..log.clone() }), Position::Resume(42));
        let first = TapPlan::new(&config(From::Latest), (HashMap::new(), None), Timestamp(0));
        assert_eq!(WithLog(Arc::new(first)).position(&log), Position::Latest, "as all topics");
    }

    #[test]
    fn an_earlier_run_goes_on_and_failures_are_read_whole() {
        let plan = plan(From::Ago(Duration::from_secs(4)));
        assert_eq!(position(&plan, "orders", 3), Position::Resume(42));
        assert_eq!(position(&plan, "orders", 4), Position::Time(Timestamp(6_000_000)));
        assert_eq!(position(&plan, "orders-dlt", 0), Position::Earliest);
        let again = TopicPartition { cluster: "c".into(), topic: "orders".into(), topic_id: [1; 16], partition: 3 };
        assert_eq!(plan.position(&again), Position::Earliest, "created again since");
        let other = TapConfig { cluster: "d".into(), ..config(From::Latest) };
        let plan = TapPlan::new(&other, (plan.positions, None), Timestamp(0));
        let same = TopicPartition { cluster: "d".into(), ..again };
        assert_eq!(plan.position(&same), Position::Latest, "of the same name on another cluster");
    }
}

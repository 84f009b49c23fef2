//! What a topic is for, by its name.

use crate::event::TopicClass;
use regex::Regex;
use std::sync::LazyLock;

/// How much a name proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The name alone.
    Name,
    /// Only together with what the record itself says: `payments.failed` is mostly a business topic.
    WithEvidence,
}

use Trust::{Name, WithEvidence};

/// Topic names, first match first. A retry of a dead letter (`orders-dlq-retry`) is a retry.
const PATTERNS: &[(TopicClass, Trust, &str)] = &[
    (TopicClass::Internal, Name, r"^__"),
    (TopicClass::Internal, Name, r"^_(?:schemas|schema_encoders|dek_registry_keys|exporter_configs|exporter_states)$"),
    (TopicClass::Internal, Name, r"^(?:_confluent[-_.]|_redpanda|strimzi\.cruisecontrol\.|_kafka_lag_)"),
    (TopicClass::Internal, Name, r"(?i)(?:^|[-_.])connect[-_.](?:configs?|offsets?|status(?:es)?)$"),
    (TopicClass::Internal, Name, r"^mm2-(?:configs|offsets|status|offset-syncs)[._-].+[._-]internal$"),
    (TopicClass::Internal, Name, r"[._-]checkpoints[._-]internal$|^(?:.+[._-])?heartbeats$"),
    (TopicClass::Internal, Name, r"(?i)schema[-_.]?(?:changes[-_.]?)?history(?:[-_.].*)?$"),
    (TopicClass::Internal, Name, r"(?i)^(?:dbhistory|schemahistory|schema-changes)[-_.]"),
    (TopicClass::Internal, Name, r"-__assignor-__leader$"),
    (TopicClass::Internal, Name, r"-KTABLE-FK-JOIN-SUBSCRIPTION-(?:REGISTRATION|RESPONSE)-\d{10}-topic$"),
    (TopicClass::Internal, Name, r"-subscription-(?:registration|response)-topic$"),
    (TopicClass::Changelog, Name, r"^.+?-.+-changelog$"),
    (TopicClass::Repartition, Name, r"^.+?-.+-repartition$"),
    (TopicClass::Retry, Name, r"(?i)^.+?[._\-]{1,2}(?:retry|retries)(?:[._\-]?\d+(?:ms|s|m|h|d)?)?(?:[._\-]\d+)?$"),
    (TopicClass::DeadLetter, Name, r"^.+__(?:dlq|resq)$"),
    (
        TopicClass::DeadLetter,
        Name,
        r"(?i)(?:^|[._\-])(?:dlq|dlt|dlx|dead[._\-]?letters?(?:[._\-]?(?:queue|topic|channel|store))?)(?:$|[._\-])",
    ),
    (
        TopicClass::Retry,
        WithEvidence,
        r"(?i)[._\-](?:delayed|backoff|redelivery)(?:[._\-]?\d+(?:ms|s|m|h|d)?)?(?:[._\-]\d+)?$|^retry[._\-]",
    ),
    (TopicClass::DeadLetter, WithEvidence, r"[a-z0-9](?:Dlq|DLQ|Dlt|DLT|DeadLetters?)(?:$|[A-Z._\-])"),
    (TopicClass::DeadLetter, WithEvidence, r"^errors?(?:[.\-]|$)"),
    (
        TopicClass::DeadLetter,
        WithEvidence,
        r"(?i)[._\-](?:errors?|err|failures?|failed|poison(?:ed)?|parking[._\-]?lot|quarantine|rejected|invalid|skipped)$",
    ),
    (TopicClass::DeadLetter, WithEvidence, r"(?i)[._\-](?:undelivered|unprocessed|garbage)$"),
];

/// The patterns that compiled; that all do is a test.
static COMPILED: LazyLock<Vec<(TopicClass, Trust, Regex)>> = LazyLock::new(|| {
    let compile =
        |&(class, trust, pattern): &(TopicClass, Trust, &str)| Some((class, trust, Regex::new(pattern).ok()?));
    PATTERNS.iter().filter_map(compile).collect()
});

/// What the name of a topic says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Judged by the name alone.
    pub by_name: TopicClass,
    /// Judged by the name of a topic on which a record says that it failed.
    pub with_evidence: TopicClass,
}

impl Role {
    /// Reads the name.
    pub fn of(topic: &str) -> Self {
        let first = first(topic);
        let with_evidence = first.map_or(TopicClass::Business, |(class, ..)| *class);
        let by_name = match first {
            Some((class, Name, _)) => *class,
            _ => TopicClass::Business,
        };
        Self { by_name, with_evidence }
    }

    /// True for topics whose records are no events of the business.
    pub fn is_internal(&self) -> bool {
        matches!(self.by_name, TopicClass::Internal | TopicClass::Changelog)
    }
}

/// The first pattern that `topic` matches.
fn first(topic: &str) -> Option<&'static (TopicClass, Trust, Regex)> {
    COMPILED.iter().find(|(.., pattern)| pattern.is_match(topic))
}

/// The pattern by which `topic` is judged; `None` when it matches none.
pub fn pattern(topic: &str) -> Option<&'static str> {
    first(topic).map(|(.., pattern)| pattern.as_str())
}

/// What `topic` is for, by its name alone. A mirror cannot be told by its name: every dotted name looks like one.
pub fn class(topic: &str) -> TopicClass {
    Role::of(topic).by_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_patterns_compile() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
    }

    #[test]
    fn names_of_topics() {
        use TopicClass::{Business, Changelog, DeadLetter, Internal, Repartition, Retry};
        for (topic, by_name, with_evidence) in [
            ("orders", Business, Business),
            ("__consumer_offsets", Internal, Internal),
            ("__transaction_state", Internal, Internal),
            ("_schemas", Internal, Internal),
            ("connect-offsets", Internal, Internal),
            ("my-connect-configs", Internal, Internal),
            ("heartbeats", Internal, Internal),
            ("app-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog", Changelog, Changelog),
            ("app-by-customer-repartition", Repartition, Repartition),
            ("orders-retry-300", Retry, Retry),
            ("orders-kitchen-retry", Retry, Retry),
            ("orders.retry", Retry, Retry),
            ("orders-retry-60000-1", Retry, Retry),
            ("orders__retry", Retry, Retry),
            ("orders-dlq-retry", Retry, Retry),
            ("orders-retry-dlt", DeadLetter, DeadLetter),
            ("orders-dlt", DeadLetter, DeadLetter),
            ("orders.DLT", DeadLetter, DeadLetter),
            ("orders.dead-letter", DeadLetter, DeadLetter),
            ("dead-letter-topic-orders", DeadLetter, DeadLetter),
            ("dlq-lcc-12345", DeadLetter, DeadLetter),
            ("orders__dlq", DeadLetter, DeadLetter),
            ("ordersDlq", Business, DeadLetter),
            ("error.orders.billing", Business, DeadLetter),
            ("payments.failed", Business, DeadLetter),
            ("flight.delayed", Business, Retry),
            ("retry-policy-events", Business, Retry),
            ("adlte", Business, Business),
        ] {
            assert_eq!(Role::of(topic), Role { by_name, with_evidence }, "{topic}");
            assert_eq!(class(topic), by_name);
        }
    }
}

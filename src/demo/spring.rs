//! Headers that Spring Kafka adds to a record it retries or gives up on, as captured from Spring Boot 4.1 on Kafka 4.3:
//! numbers are big-endian, counters are appended at every hop.

use super::company::Failing;
use super::envelope::{Headers, Trace};
use super::ledger::Coordinates;

/// What Spring wraps every listener's exception in.
const WRAPPER: &str = "org.springframework.kafka.listener.ListenerExecutionFailedException";

/// A failed record on its way to a retry or dead-letter topic.
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    /// Where the record lies that failed.
    pub at: &'a Coordinates,
    /// Its timestamp in ms.
    pub timestamp_ms: i64,
    /// The group that failed.
    pub group: &'a str,
    /// The error.
    pub error: &'a Failing,
    /// The try that failed, from 1.
    pub attempt: i32,
    /// When it will be tried again, in ms since the epoch.
    pub due_ms: i64,
}

/// Headers of a record that a `DeadLetterPublishingRecoverer` writes: those of the failed record, then its own.
pub fn dead_letter(mut headers: Headers, failed: Failed<'_>) -> Headers {
    let (origin, error) = (failed.at, failed.error);
    add(&mut headers, "kafka_dlt-exception-fqcn", WRAPPER);
    add(&mut headers, "kafka_dlt-exception-cause-fqcn", &error.class);
    add(&mut headers, "kafka_dlt-exception-message", format!("Listener failed; {}", error.text));
    add(&mut headers, "kafka_dlt-original-topic", &*origin.topic);
    add(&mut headers, "kafka_dlt-original-partition", origin.partition.to_be_bytes());
    add(&mut headers, "kafka_dlt-original-offset", origin.offset.to_be_bytes());
    add(&mut headers, "kafka_dlt-original-timestamp", failed.timestamp_ms.to_be_bytes());
    add(&mut headers, "kafka_dlt-original-timestamp-type", "CreateTime");
    add(&mut headers, "kafka_dlt-original-consumer-group", failed.group);
    headers
}

/// Headers of a record that `@RetryableTopic` writes, to a retry topic and at last to the dead-letter topic. The coordinates
/// of the origin are written once and kept; the counters are appended at every hop and the last one counts.
pub fn retry(mut headers: Headers, failed: Failed<'_>) -> Headers {
    let (origin, error) = (failed.at, failed.error);
    headers.retain(|(name, _)| !name.starts_with("kafka_exception-"));
    add(&mut headers, "kafka_exception-fqcn", WRAPPER);
    add(&mut headers, "kafka_exception-cause-fqcn", &error.class);
    add(&mut headers, "kafka_exception-message", format!("Listener failed; {}", error.text));
    if failed.attempt == 1 {
        add(&mut headers, "kafka_original-topic", &*origin.topic);
        add(&mut headers, "kafka_original-partition", origin.partition.to_be_bytes());
        add(&mut headers, "kafka_original-offset", origin.offset.to_be_bytes());
        add(&mut headers, "kafka_original-timestamp", failed.timestamp_ms.to_be_bytes());
        add(&mut headers, "kafka_original-timestamp-type", "CreateTime");
        add(&mut headers, "kafka_dlt-original-consumer-group", failed.group);
    }
    let began = headers.iter().find(|(name, _)| name == "retry_topic-original-timestamp").map(|(_, ms)| ms.clone());
    add(&mut headers, "retry_topic-original-timestamp", began.unwrap_or_else(|| big_integer(failed.timestamp_ms)));
    add(&mut headers, "retry_topic-attempts", (failed.attempt + 1).to_be_bytes());
    add(&mut headers, "retry_topic-backoff-timestamp", big_integer(failed.due_ms));
    headers
}

/// The try that a record is up for: 1 on an ordinary topic, else what the last hop wrote.
pub fn attempt(headers: &[(String, Vec<u8>)]) -> i32 {
    let last = headers.iter().rev().find(|(name, _)| name == "retry_topic-attempts");
    last.and_then(|(_, value)| value.as_slice().try_into().ok()).map_or(1, i32::from_be_bytes)
}

/// Gives a copy the span of its own sending; the trace stays.
pub fn resend(headers: &mut Headers, trace: Option<Trace>) {
    let Some(trace) = trace else { return };
    if let Some((_, value)) = headers.iter_mut().find(|(name, _)| name == "traceparent") {
        *value = trace.to_traceparent().into_bytes();
    }
}

fn add(headers: &mut Headers, name: &str, value: impl AsRef<[u8]>) {
    headers.push((name.to_owned(), value.as_ref().to_vec()));
}

/// Java's `BigInteger.toByteArray()` of a time that is not negative: big-endian without leading zero bytes, but with one
/// where the first bit is set.
fn big_integer(ms: i64) -> Vec<u8> {
    let bytes = ms.max(0).to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let first = if bytes[first] & 0x80 != 0 { first - 1 } else { first };
    bytes[first..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &Headers) -> Vec<&str> {
        headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn value<'a>(headers: &'a Headers, name: &str) -> &'a [u8] {
        &headers.iter().find(|(n, _)| n == name).unwrap().1
    }

    #[test]
    fn a_dead_letter_names_its_origin_in_big_endian() {
        let error = Failing { class: "x.Y".into(), text: "no".into() };
        let origin = Coordinates::new("loyalty", 1, 61);
        let failed = Failed { at: &origin, timestamp_ms: 5, group: "loyalty", error: &error, attempt: 1, due_ms: 0 };
        let headers = dead_letter(vec![("message-id".into(), b"e".to_vec())], failed);
        assert_eq!(names(&headers)[0], "message-id");
        assert_eq!(value(&headers, "kafka_dlt-original-topic"), b"loyalty");
        assert_eq!(value(&headers, "kafka_dlt-original-partition"), [0, 0, 0, 1]);
        assert_eq!(value(&headers, "kafka_dlt-original-offset"), [0, 0, 0, 0, 0, 0, 0, 61]);
        assert_eq!(value(&headers, "kafka_dlt-exception-cause-fqcn"), b"x.Y");
    }

    #[test]
    fn retries_keep_the_first_origin_and_append_their_counters() {
        let error = Failing { class: "x.Y".into(), text: "no".into() };
        let origin = Coordinates::new("orders", 2, 7);
        let mut failed =
            Failed { at: &origin, timestamp_ms: 9, group: "payment", error: &error, attempt: 1, due_ms: 300 };
        let first = retry(Vec::new(), failed);
        assert_eq!((attempt(&[]), attempt(&first)), (1, 2));
        failed.attempt = 2;
        let second = retry(first, failed);
        assert_eq!(attempt(&second), 3);
        let count = |name| names(&second).iter().filter(|n| **n == name).count();
        assert_eq!((count("retry_topic-attempts"), count("kafka_original-offset")), (2, 1));
        assert_eq!((count("kafka_exception-message"), count("kafka_dlt-original-consumer-group")), (1, 1));
    }

    #[test]
    fn times_are_written_as_java_writes_them() {
        assert_eq!(big_integer(0), [0]);
        assert_eq!(big_integer(0x7f), [0x7f]);
        assert_eq!(big_integer(0x80), [0, 0x80]);
        assert_eq!(big_integer(1_794_000_000_000).len(), 6);
    }
}

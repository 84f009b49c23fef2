//! What librdkafka is told.

use crate::event::Secret;
use crate::kafka::connection::CLIENT_ID;
use crate::kafka::fetcher::Shared;

/// What never changes, each with its reason.
const FIXED: &[(&str, &str)] = &[
    ("client.id", CLIENT_ID),
    // Passive: it creates nothing, commits nothing and tells nothing of itself.
    ("allow.auto.create.topics", "false"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.metrics.push", "false"),
    ("isolation.level", "read_committed"),
    // The end of a partition tells how far markers and aborted records reach.
    ("enable.partition.eof", "true"),
    // An offset that is gone is a counted gap, never a silent jump.
    ("auto.offset.reset", "error"),
    // A batch that is damaged is counted, as the native reader does.
    ("check.crcs", "true"),
    // Both bound the memory of one client: the default of 100,000 messages a partition is no bound.
    ("queued.min.messages", "10000"),
    ("queued.max.messages.kbytes", "32768"),
    // A full queue would otherwise pause reading for a second.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.message.max.bytes", "262144"),
    ("fetch.max.bytes", "16777216"),
    // A single batch may be larger than what is asked for, up to what the native reader takes.
    ("receive.message.max.bytes", "134217728"),
    ("topic.metadata.refresh.interval.ms", "30000"),
    // A broker that comes back is found as soon as by the native reader.
    ("reconnect.backoff.max.ms", "5000"),
    ("log_level", "4"),
];

/// Settings for a client of the broker at `address`.
pub(super) fn settings(address: &str, shared: &Shared) -> Vec<(String, Secret)> {
    let fixed = FIXED.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value)));
    let mut all: Vec<(String, Secret)> = fixed.collect();
    let wait = shared.max_wait.as_millis().clamp(1, 300_000).to_string();
    all.push(("fetch.wait.max.ms".to_owned(), Secret::new(wait)));
    all.push(("bootstrap.servers".to_owned(), Secret::new(address)));
    // Tokens come from the tap itself, which needs no HTTP client in librdkafka.
    let own = |name: &str| !name.starts_with("sasl.oauthbearer.") && !name.starts_with("https.");
    all.extend(shared.security.librdkafka().into_iter().filter(|(name, _)| own(name)));
    all
}

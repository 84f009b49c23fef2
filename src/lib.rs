//! headwater is a passive tap on Apache Kafka: it reads every topic without changing anything, rebuilds which event
//! caused which from the ids that producers already put on their records, keeps the graph in DuckDB and answers from
//! there.
//!
//! # Layout
//!
//! In the order in which data flows:
//!
//! - [`event`]: the language of the domain. Plain data, no I/O; everything below speaks it.
//! - [`kafka`]: the cluster as the tap sees it. Connections, metadata, fetch, record batches in place, read-only group
//!   and admin requests. Nothing else speaks to a cluster.
//! - [`registry`]: the schemas that bodies are written by, from a schema registry. Read-only.
//! - [`capture`]: the same records from NDJSON files.
//! - [`decode`]: `Record -> Envelope`, pure and total: the conventions of `conventions/*.toml` and a small engine that runs
//!   them.
//! - [`causality`]: `Envelope -> Resolution`: who caused it, who still waits, who is orphaned.
//! - [`delivery`]: committed offsets, log ends and the times of records -> how far each group has come, and since when.
//! - [`store`]: DuckDB behind one writer and many readers. The SQL itself is in `queries/`.
//! - [`otlp`]: what was settled, told to an OTLP collector as spans.
//! - [`serve`]: the read-only PostgreSQL wire door of a running tap.
//! - [`report`]: row types, the graph of one conversation, and renderers.
//! - [`client`]: asks a running tap through its door, or opens a closed file.
//! - [`tap`]: the composition root. It starts the stages, joins them by bounded channels and stops them in flow order.
//! - [`demo`]: a simulated company on an in-process Kafka, with its own ground truth.
//! - [`tui`]: the terminal UI; asks through [`client`] like everybody else.
//! - [`cli`], [`config`]: what the user typed, and what it means.
//! - [`telemetry`]: the tap's own counters and logging.
//!
//! Which module may import which is a table in `tests/architecture.rs`.
//!
//! # Invariants
//!
//! 1. **Passive.** No produce, commit, group join, topic creation, configuration change or telemetry push on the tapped
//!    cluster, not even by a side effect. Guarded by `tests/passive.rs`.
//! 2. **No number without its coverage.** Guarded by `src/delivery/coverage.rs`, `tests/queries.rs` and
//!    `tests/cli/answers.rs`.
//! 3. **Declared, transactional and inferred causes never share a count.** Guarded by `tests/queries.rs`.
//! 4. **Time enters the core as data.** `decode`, `causality` and `delivery` do no I/O, read no clock and run no async;
//!    the graph is the same in any arrival order and any batching once the last barrier has passed. Guarded by
//!    `tests/architecture.rs`, `.clippy.toml`, the permutations in `tests/scenarios.rs` and the naive resolver of
//!    `tests/resolver.rs`.
//! 5. **One writer, one transaction, read positions included.** No reader can hurt the writer. Guarded by
//!    `tests/restart.rs`, and by `tests/queries.rs` against greedy readers.
//!    What an OTLP collector is told waits in the same file: nothing is lost and nothing is told otherwise the second
//!    time. Guarded by `src/store/outbox/tests.rs`, `src/otlp/tests.rs` and `tests/otlp.rs`.
//! 6. **Every limit is named**, has its reason beside it, and is counted when it is reached. Guarded by
//!    `src/decode/tests.rs`, `src/kafka/batch/tests.rs`, `tests/queries.rs` and `tests/serve.rs`.
//! 7. **Bad input is a fact, not an error.** Guarded by `tests/hostile.rs`, `src/event/text.rs` and
//!    `src/report/conversation/tests.rs`.
//! 8. **Payloads stay in Kafka**; keys are kept as keyed hashes whose secret lives outside the database. Guarded by
//!    `tests/imports.rs` and `tests/explain.rs`.
//! 9. **Gentle.** One fetch in flight per broker, one hour back by default, filters and a rate cap from the first day.
//!    Guarded by `src/tap/plan.rs`, `src/config/tests.rs` and `src/kafka/throttle.rs`.

pub mod capture;
pub mod causality;
pub mod cli;
pub mod client;
pub mod config;
pub mod decode;
pub mod delivery;
pub mod demo;
pub mod event;
pub mod kafka;
pub mod otlp;
pub mod registry;
pub mod report;
pub mod serve;
pub mod store;
pub mod tap;
pub mod telemetry;
pub mod tui;

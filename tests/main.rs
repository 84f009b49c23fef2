//! One integration binary: everything links once. What each file proves stands in `tests/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests produce, commit and administer clusters of their own, measure time, and fail by panicking"
)]

mod architecture;
mod cli;
mod conventions;
mod counts;
mod demo;
mod demo_program;
mod edges;
mod hostile;
mod imports;
mod otlp;
mod passive;
mod queries;
mod reader;
mod reader_on_kafka;
mod readme;
mod restart;
mod scenarios;
mod serve;
mod sources;
mod support;
mod verdict;

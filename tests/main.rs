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
mod audit;
mod backup;
mod bare;
mod check;
mod cli;
mod clusters;
mod commits;
mod conventions;
mod counts;
mod dashboards;
mod databases;
mod delays;
mod demo;
mod demo_program;
mod doors;
mod duplicates;
mod edges;
mod erase;
mod explain;
mod export;
mod failing;
mod faults;
mod fixtures;
mod generated;
mod gentle;
mod graphs;
mod groups;
mod guard;
mod hostile;
mod hostile_door;
mod imports;
mod inference;
mod kerberos;
mod lag;
mod metrics;
mod origins;
mod otlp;
mod passive;
mod prove;
mod queries;
mod reader;
mod reader_on_kafka;
mod readme;
mod recall;
mod redrive;
mod report;
mod resolver;
mod restart;
mod retention;
mod scenarios;
mod schemas;
mod security;
mod serve;
mod serve_users;
mod situations;
mod soak;
mod sources;
mod sql;
mod support;
mod tui;
mod verdict;
mod versions;
mod work;

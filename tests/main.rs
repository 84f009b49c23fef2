//! One integration binary: everything links once.
mod scenarios;
mod serve;
mod cli;
mod demo;
mod queries;
mod conventions;
mod hostile;
mod reader;
mod reader_on_kafka;
mod verdict;
mod architecture;
mod edges;
mod passive;
mod readme;
mod restart;
mod sources;
mod support;

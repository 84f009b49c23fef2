//! One integration binary: everything links once.

mod reader;
mod reader_on_kafka;

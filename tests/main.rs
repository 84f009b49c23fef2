//! One integration binary: everything links once.

mod reader;

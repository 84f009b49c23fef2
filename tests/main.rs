//! One integration binary: everything links once.
mod scenarios;

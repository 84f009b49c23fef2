//! One integration binary: everything links once.

mod queries;
mod serve;

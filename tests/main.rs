//! One integration binary: everything links once.

mod cli;
mod demo;
mod queries;
mod scenarios;
mod serve;

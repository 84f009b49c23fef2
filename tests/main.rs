//! One integration binary: everything links once.

mod cli;
mod demo;
mod scenarios;
mod serve;

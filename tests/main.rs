//! One integration binary: everything links once.
mod scenarios;
mod serve;
mod cli;
mod demo;

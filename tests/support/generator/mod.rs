//! Streams of events whose causes are known: what a company with many services writes to Kafka, by seed.
//!
//! A [`Stream`] gives records in the order in which they are written, each with the truth about it. What causes what is
//! decided by a [`Topology`]: a service that reads type X writes type Y, so that there is something to learn where ids
//! are missing. A [`Source`] reads the stream as a tap would: from several brokers, out of order, with barrier samples.
//! Nothing is held but what is under way, so a hundred million events cost no memory.
#![allow(dead_code, unused_imports, reason = "tests and benchmarks use some of it each")]

mod arrival;
mod capture;
mod flow;
mod shape;
mod source;
mod stream;
mod topology;

pub use arrival::{Reader, kind};
pub use capture::{capture, write_all};
pub use flow::{Declared, Made, Silence, Trace, What};
pub use shape::{Preset, Shape};
pub use source::{Batch, Source, Step};
pub use stream::Stream;

/// What shall be generated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How wild it is.
    pub preset: Preset,
    /// One seed is one stream.
    pub seed: u64,
    /// Records in all.
    pub events: u64,
    /// Share of flows whose records do not name their cause.
    pub hide: f64,
    /// Topics of the business, and partitions of each.
    pub topics: (u16, u16),
    /// Whether a topic is deleted and made again, which neither a capture nor a filled topic can show.
    pub recreate: bool,
}

impl Options {
    /// A whole company: 400 topics of 12 partitions.
    pub fn new(preset: Preset, seed: u64, events: u64) -> Self {
        Self { preset, seed, events, hide: 0.0, topics: (400, 12), recreate: true }
    }
}

/// Spreads a number over 64 bits (splitmix64): ids that look random and cost nothing.
pub fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests;

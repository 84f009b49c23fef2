//! `Envelope -> Resolution`: who caused it, who still waits, who is orphaned. Pure: no I/O, no clock, no async.

mod bare;
mod barrier;
mod claims;
mod cold;
mod conversation;
mod failures;
mod hashing;
mod holders;
mod index;
mod levels;
mod lineage;
mod memory;
mod proof;
mod readings;
mod recall;
mod recent;
mod resolver;
mod restore;
mod signature;
mod sliced;
mod template;
#[cfg(test)]
mod tests;
mod trace_order;
mod waiting;

pub use bare::BareNumbers;
pub use memory::Memory;
pub use recall::RecallNumbers;
pub use resolver::{Arrival, Footprint, Horizon, Limits, Named, Resolver};
pub use restore::RestoredEvent;
pub use signature::Signatures;
pub use trace_order::TraceNumbers;

//! `Envelope -> Resolution`: who caused it, who still waits, who is orphaned. Pure: no I/O, no clock, no async.

mod bare;
mod barrier;
mod claims;
mod conversation;
mod failures;
mod holders;
mod index;
mod lineage;
mod recent;
mod resolver;
mod restore;
mod signature;
mod trace_order;

pub use bare::BareNumbers;
pub use resolver::{Arrival, Horizon, Limits, Named, Resolver};
pub use restore::RestoredEvent;
pub use signature::signature;
pub use trace_order::TraceNumbers;

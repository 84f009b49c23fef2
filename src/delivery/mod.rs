//! Commits and offset/time marks -> how far each group has come on each partition. Pure: no I/O, no clock, no async.

mod coverage;
mod ledger;
mod pace;
mod passing;
mod standstill;

pub use coverage::{Coverage, HOLES_KEPT, MARKS_KEPT};
pub use ledger::{Ledger, STALLED_AFTER_MS, STUCK_AFTER_MS};
pub use pace::Pace;
pub use passing::Passings;
pub use standstill::{Standing, Standstill};

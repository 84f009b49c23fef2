//! Commits and offset/time marks -> how far each group has come on each partition. Pure: no I/O, no clock, no async.

mod consumption;
mod coverage;
mod figures;
mod ledger;
mod pace;
mod passing;
mod standstill;
mod times;

pub use coverage::{Coverage, HOLES_KEPT};
pub use figures::{Place, STALLED_AFTER_MS};
pub use ledger::{Ledger, Ledgered, STUCK_AFTER_MS};
pub use pace::Pace;
pub use passing::Passings;
pub use standstill::{Standing, Standstill};
pub use times::{MARK_EVERY_MS, MARKS_KEPT};

//! The one place of the tap that reads a clock; everything inside gets time as data.

use crate::event::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, by the wall clock.
#[expect(clippy::disallowed_methods, reason = "the edge at which time enters the core as data")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

/// Now, by a clock that never goes back.
#[expect(clippy::disallowed_methods, reason = "paces commits and samples; no result depends on it")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

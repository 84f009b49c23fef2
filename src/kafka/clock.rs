//! The only place where the reader looks at a clock.

use crate::event::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// For deadlines and pauses.
#[expect(clippy::disallowed_methods, reason = "the reader is an edge: deadlines of its sockets are its own")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// For the records' seen time.
#[expect(clippy::disallowed_methods, reason = "the reader is an edge: here time becomes data")]
pub(super) fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

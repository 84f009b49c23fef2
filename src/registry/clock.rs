//! The only place where the registry looks at a clock.

use std::time::Instant;

/// For deadlines and pauses.
#[expect(clippy::disallowed_methods, reason = "the registry is an edge: how long it is waited for is its own")]
pub(super) fn now() -> Instant {
    Instant::now()
}

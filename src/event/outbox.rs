//! How far the outbox for an OTLP collector was sent.

/// Everything before entry `seq` was sent, and of that entry what concerns refs up to `reference`. One entry can speak of
/// a whole range of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct OutboxCursor {
    /// Number of the entry.
    pub seq: i64,
    /// The last ref of it that was sent.
    pub reference: i64,
}

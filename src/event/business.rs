//! Business flows: what people call an order, from one event to another.

/// A flow as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessFlow {
    /// What people call it: `orders`.
    pub name: String,
    /// Type of the event that starts one.
    pub started_by: String,
    /// Type of the event that completes it, in the same conversation.
    pub completed_by: String,
    /// How long one may take before it is stuck, in ms.
    pub within_ms: i64,
}

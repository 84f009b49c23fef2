//! What the door asks for metrics and health.

queries! {
    "door",
    /// Coverage by topic: $1 is the most series.
    METRICS_COVERAGE "metrics_coverage",
    /// Failures by topic, type and group: $1 is the most series.
    METRICS_FAILED "metrics_failed",
    /// Phases of groups: $1 is the most groups.
    METRICS_GROUPS "metrics_groups",
    /// Lag by group and topic: $1 is the most series.
    METRICS_LAG "metrics_lag",
    /// Passed by topic, type and group: $1 is the most series.
    METRICS_PASSED "metrics_passed",
    /// Received by topic and type: $1 is the most series.
    METRICS_RECEIVED "metrics_received",
    /// The tap's own numbers.
    METRICS_TAP "metrics_tap",
    /// Orphaned failures and waiting events.
    METRICS_TOTALS "metrics_totals",
    /// Offsets that the tap has not read yet.
    TAP_LAG "tap_lag",
}

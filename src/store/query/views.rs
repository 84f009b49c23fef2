//! The public views.

queries! {
    "views",
    /// View `attribute`.
    ATTRIBUTE "attribute",
    /// View `cause`.
    CAUSE "cause",
    /// View `consumer_group`.
    CONSUMER_GROUP "consumer_group",
    /// View `conversation_alias`.
    CONVERSATION_ALIAS "conversation_alias",
    /// View `coverage`.
    COVERAGE "coverage",
    /// View `deleted`.
    DELETED "deleted",
    /// View `event`.
    EVENT "event",
    /// View `failure`.
    FAILURE "failure",
    /// View `flow`.
    FLOW "flow",
    /// View `minute`.
    MINUTE "minute",
    /// View `passed_minute`.
    PASSED_MINUTE "passed_minute",
    /// View `producer`.
    PRODUCER "producer",
    /// View `progress`.
    PROGRESS "progress",
    /// View `tap`.
    TAP "tap",
    /// View `topic`.
    TOPIC "topic",
    /// View `topic_flow`.
    TOPIC_FLOW "topic_flow",
}

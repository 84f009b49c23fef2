//! Names of the semantic conventions 1.44, and headwater's own. The conventions of messaging are still in development: a
//! rename is a change of this table.

/// Version of the conventions that all spans follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";
/// Instrumentation scope.
pub const SCOPE: &str = "headwater";

/// Resource: the service that wrote, or the group that read.
pub const SERVICE_NAME: &str = "service.name";
/// Resource: the tapped cluster.
pub const SERVICE_NAMESPACE: &str = "service.namespace";
/// Resource: one value on all spans, see [`HOST`].
pub const HOST_ID: &str = "host.id";
/// Resource: one value on all spans, see [`HOST`].
pub const HOST_NAME: &str = "host.name";
/// Resource: one value on all spans, see [`HOST`]. Not of the conventions: Jaeger's query service up to 2.13 knows hosts
/// by nothing else.
pub const IP: &str = "ip";
/// All times come from one clock, the tapped cluster's log: spans of different hosts would be suspected of clock skew.
pub const HOST: &str = "headwater";

/// Always [`KAFKA`].
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// The one messaging system.
pub const KAFKA: &str = "kafka";
/// `send`, `pass`, or what a failure record is.
pub const OPERATION_NAME: &str = "messaging.operation.name";
/// [`SEND`] or [`SETTLE`]. A span's name is operation and topic, as the conventions have it, and the event's type where
/// it has one: a trace shall read as what happened.
pub const OPERATION_TYPE: &str = "messaging.operation.type";
/// A record was written.
pub const SEND: &str = "send";
/// A group committed beyond a record. It says nothing about processing.
pub const SETTLE: &str = "settle";
/// Operation name of [`SETTLE`].
pub const PASS: &str = "pass";
/// Topic.
pub const DESTINATION: &str = "messaging.destination.name";
/// Partition, as text.
pub const PARTITION: &str = "messaging.destination.partition.id";
/// Offset.
pub const OFFSET: &str = "messaging.kafka.offset";
/// The value is null.
pub const TOMBSTONE: &str = "messaging.kafka.message.tombstone";
/// The event's own id.
pub const MESSAGE_ID: &str = "messaging.message.id";
/// The correlation id.
pub const CONVERSATION_ID: &str = "messaging.message.conversation_id";
/// Size of the value in bytes.
pub const BODY_SIZE: &str = "messaging.message.body.size";
/// Consumer group.
pub const GROUP: &str = "messaging.consumer.group.name";
/// Class or code of the error.
pub const ERROR_TYPE: &str = "error.type";
/// [`ERROR_TYPE`] where the record names none.
pub const ERROR_OTHER: &str = "_OTHER";

/// No service made this span: it was read off the log.
pub const SYNTHESIZED: &str = "headwater.synthesized";
/// Coordinates: `topic/partition/offset`.
pub const COORDINATES: &str = "headwater.coordinates";
/// What the record is: event, command, reply, retry, dead_letter, fault, forward, change.
pub const EVENT_KIND: &str = "headwater.event.kind";
/// Event type.
pub const EVENT_TYPE: &str = "headwater.event.type";
/// Version of the event or its schema.
pub const EVENT_VERSION: &str = "headwater.event.version";
/// What was known of its cause when it was settled.
pub const RESOLUTION: &str = "headwater.resolution";
/// Why the way back to a root is broken.
pub const ORPHAN_REASON: &str = "headwater.orphan.reason";
/// Attempts that were made.
pub const ATTEMPT: &str = "headwater.failure.attempt";
/// Same failure, other ids.
pub const SIGNATURE: &str = "headwater.failure.signature";
/// Where a span's length comes from; [`BASIS_COMMIT`] or [`BASIS_APPEND`].
pub const DURATION_BASIS: &str = "headwater.duration.basis";
/// Two samples of a committed offset bracket the moment.
pub const BASIS_COMMIT: &str = "commit";
/// From the event's own time to its record's.
pub const BASIS_APPEND: &str = "append";
/// On links: why it is believed.
pub const EVIDENCE: &str = "headwater.evidence";
/// On links: how sure it is, up to 1.0.
pub const CONFIDENCE: &str = "headwater.confidence";
/// [`EVIDENCE`] of the link to the record's own trace.
pub const TRACEPARENT: &str = "traceparent";

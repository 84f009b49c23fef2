//! The conventions. A new one is a few rows here and nothing elsewhere.
//!
//! Within a rank, conventions stand in order of strength. Each names where its fields were read in source or on the
//! wire.

use super::row::Coordinate::{Offset, Partition, Topic};
use super::row::Encoding::{BeforeColon, BeginsWith, NextNumber, Number, Prefixed, Time as AsTime, Trace as AsTrace};
use super::row::Field::{
    Attempts, ErrorClass, ErrorMessage, Group, Id, Origin, Sign, Source, Time, Trace, Type, Version,
};
use super::row::Refers::{Cause, Conversation, Itself};
use super::row::Sign::{ContentType, Envelope, Payload};
use super::row::{Convention, Failure, Fingerprint, Names, Rank, header, member, nested};

/// Members that hold an envelope's fields in bodies of the form `{"metadata": …, "data": …}`.
const ENVELOPES: &[&str] = &["metadata", "meta", "header", "headers", "envelope", "event", "context", "traceContext"];

/// All conventions.
pub const CONVENTIONS: &[Convention] = &[
    W3C,
    CLOUDEVENTS_BINARY,
    SPRING_RETRY,
    SPRING_DLT,
    SPRING_CLOUD_STREAM,
    CONNECT,
    ORIGINAL,
    DEAD_LETTER,
    CLOUDEVENTS_STRUCTURED,
    METADATA_ENVELOPE,
    GENERIC_HEADERS,
    GENERIC_ENVELOPE,
    CLOUDEVENTS_TRACING,
];

/// W3C Trace Context level 2, section 3.2. Instrumentation that appends without removing leaves several headers: the
/// last valid one is the hop's own.
const W3C: Convention = Convention {
    name: "w3c-trace-context",
    rank: Rank::Framework,
    fingerprint: Fingerprint::Any,
    names: Names::Exact,
    failure: Failure::No,
    rows: &[header(&["traceparent"], Trace).as_(AsTrace).last()],
};

/// CloudEvents 1.0, Kafka protocol binding section 3.2, with the correlation extension. `ce-` and `cloudEvents:` are
/// the spellings of other bindings, seen on Kafka too.
const CLOUDEVENTS_BINARY: Convention = Convention {
    name: "cloudevents-binary",
    rank: Rank::Framework,
    fingerprint: Fingerprint::Has(&[&[Sign(Envelope)]]),
    names: Names::Exact,
    failure: Failure::No,
    rows: &[
        header(
            &["ce_specversion", "ce-specversion", "cloudEvents:specversion", "cloudEvents_specversion"],
            Sign(Envelope),
        ),
        header(&["ce_id", "ce-id", "cloudEvents:id", "cloudEvents_id"], Id(Itself)),
        header(&["ce_type", "ce-type", "cloudEvents:type", "cloudEvents_type"], Type),
        header(&["ce_source", "ce-source", "cloudEvents:source", "cloudEvents_source"], Source),
        header(&["ce_dataschema", "ce-dataschema", "cloudEvents:dataschema", "cloudEvents_dataschema"], Version),
        header(&["ce_time", "ce-time", "cloudEvents:time", "cloudEvents_time"], Time).as_(AsTime),
        header(&["ce_causationid", "ce-causationid", "cloudEvents:causationid", "cloudEvents_causationid"], Id(Cause)),
        header(
            &["ce_correlationid", "ce-correlationid", "cloudEvents:correlationid", "cloudEvents_correlationid"],
            Id(Conversation),
        ),
    ],
};

/// Spring Kafka `@RetryableTopic` (`DeadLetterPublishingRecovererFactory`): coordinates are written once and always name
/// the main topic; attempts are appended at each hop, and name the attempt that is about to run. Before the other
/// dead-letter conventions, since it names the first failure of the chain.
const SPRING_RETRY: Convention = Convention {
    name: "spring-retry",
    rank: Rank::Framework,
    fingerprint: Fingerprint::Has(&[&[Origin(Topic)]]),
    names: Names::Exact,
    failure: Failure::ByTopic,
    rows: &[
        header(&["kafka_original-topic"], Origin(Topic)),
        header(&["kafka_original-partition"], Origin(Partition)).as_(Number),
        header(&["kafka_original-offset"], Origin(Offset)).as_(Number),
        header(&["kafka_dlt-original-consumer-group"], Group),
        header(&["retry_topic-attempts"], Attempts).as_(NextNumber).last(),
        header(&["kafka_exception-cause-fqcn"], ErrorClass).last(),
        header(&["kafka_exception-fqcn"], ErrorClass).last(),
        header(&["kafka_exception-message"], ErrorMessage).last(),
    ],
};

/// Spring Kafka `DeadLetterPublishingRecoverer`: headers are appended at each pass, so the first set names the origin of
/// the chain and the last one the failure now.
const SPRING_DLT: Convention = Convention {
    name: "spring-dlt",
    rank: Rank::Framework,
    fingerprint: Fingerprint::Has(&[&[Origin(Topic)]]),
    names: Names::Exact,
    failure: Failure::ByTopic,
    rows: &[
        header(&["kafka_dlt-original-topic"], Origin(Topic)),
        header(&["kafka_dlt-original-partition"], Origin(Partition)).as_(Number),
        header(&["kafka_dlt-original-offset"], Origin(Offset)).as_(Number),
        header(&["kafka_dlt-original-consumer-group"], Group),
        header(&["retry_topic-attempts"], Attempts).as_(NextNumber).last(),
        header(&["kafka_dlt-exception-cause-fqcn"], ErrorClass).last(),
        header(&["kafka_dlt-exception-fqcn"], ErrorClass).last(),
        header(&["kafka_dlt-key-exception-fqcn"], ErrorClass).last(),
        header(&["kafka_dlt-exception-message"], ErrorMessage).last(),
        header(&["kafka_dlt-key-exception-message"], ErrorMessage).last(),
    ],
};

/// Spring Cloud Stream Kafka binder (`KafkaMessageChannelBinder`): appended without removing, the last set is the latest
/// failure; partition and offset are big-endian.
const SPRING_CLOUD_STREAM: Convention = Convention {
    name: "spring-cloud-stream",
    rank: Rank::Framework,
    fingerprint: Fingerprint::Has(&[&[Origin(Topic), ErrorClass]]),
    names: Names::Exact,
    failure: Failure::ByTopic,
    rows: &[
        header(&["x-original-topic"], Origin(Topic)).last(),
        header(&["x-original-partition"], Origin(Partition)).as_(Number).last(),
        header(&["x-original-offset"], Origin(Offset)).as_(Number).last(),
        header(&["x-exception-fqcn"], ErrorClass).last(),
        header(&["x-exception-message"], ErrorMessage).last(),
    ],
};

/// Kafka Connect sinks (`DeadLetterQueueReporter`, KIP-298), with context headers switched on.
const CONNECT: Convention = Convention {
    name: "kafka-connect",
    rank: Rank::Framework,
    fingerprint: Fingerprint::Has(&[&[Origin(Topic)]]),
    names: Names::Exact,
    failure: Failure::DeadLetter,
    rows: &[
        header(&["__connect.errors.topic"], Origin(Topic)),
        header(&["__connect.errors.partition"], Origin(Partition)).as_(Number),
        header(&["__connect.errors.offset"], Origin(Offset)).as_(Number),
        header(&["__connect.errors.connector.name"], Group).as_(Prefixed("connect-")).last(),
        header(&["__connect.errors.exception.class.name"], ErrorClass).last(),
        header(&["__connect.errors.exception.message"], ErrorMessage).last(),
    ],
};

/// Home-made retry topics: the names of Spring Cloud Stream, with text values and own names for the error.
const ORIGINAL: Convention = Convention {
    name: "x-original",
    rank: Rank::Framework,
    fingerprint: Fingerprint::Has(&[&[Origin(Topic)]]),
    names: Names::Loose,
    failure: Failure::ByTopic,
    rows: &[
        header(&["x-original-topic", "original-topic"], Origin(Topic)),
        header(&["x-original-partition", "original-partition"], Origin(Partition)).as_(Number),
        header(&["x-original-offset", "original-offset"], Origin(Offset)).as_(Number),
        header(&["x-original-group", "x-consumer-group"], Group).last(),
        header(&["x-retry-count", "retry-count", "x-retry-attempt", "x-attempts"], Attempts).as_(Number).last(),
        header(&["x-error-class", "x-error-type", "x-exception-class"], ErrorClass).last(),
        header(&["x-error", "x-error-message", "x-exception-message"], ErrorClass).as_(BeforeColon).last(),
        header(&["x-error", "x-error-message", "x-exception-message"], ErrorMessage).last(),
    ],
};

/// Home-made dead letters under the names that SmallRye (`KafkaDeadLetterQueue`) made common. SmallRye writes its
/// headers first and the older ones after them: the last coordinates are the origin, the first error the newest.
const DEAD_LETTER: Convention = Convention {
    name: "dead-letter-headers",
    rank: Rank::Framework,
    fingerprint: Fingerprint::Has(&[&[ErrorMessage], &[Group], &[Origin(Topic)]]),
    names: Names::Exact,
    failure: Failure::ByTopic,
    rows: &[
        header(&["dead-letter-topic"], Origin(Topic)).last(),
        header(&["dead-letter-partition"], Origin(Partition)).as_(Number).last(),
        header(&["dead-letter-offset"], Origin(Offset)).as_(Number).last(),
        header(&["dead-letter-group"], Group),
        header(&["dead-letter-cause-class-name"], ErrorClass),
        header(&["dead-letter-exception-class-name"], ErrorClass),
        header(&["dead-letter-reason"], ErrorMessage),
    ],
};

/// CloudEvents 1.0, JSON event format, with the correlation extension.
const CLOUDEVENTS_STRUCTURED: Convention = Convention {
    name: "cloudevents-structured",
    rank: Rank::Envelope,
    fingerprint: Fingerprint::Has(&[&[Sign(ContentType)], &[Sign(Envelope), Id(Itself), Type, Source]]),
    names: Names::Loose,
    failure: Failure::No,
    rows: &[
        header(&["content-type"], Sign(ContentType)).as_(BeginsWith("application/cloudevents")),
        member(&["specversion"], Sign(Envelope)),
        member(&["id"], Id(Itself)),
        member(&["type"], Type),
        member(&["source"], Source),
        member(&["dataschema"], Version),
        member(&["time"], Time).as_(AsTime),
        member(&["causationid"], Id(Cause)),
        member(&["correlationid"], Id(Conversation)),
    ],
};

/// Bodies of the form `{"metadata": {…}, "data": …}`, as many companies make their own. Two fields and the data beside
/// them, since a member called `id` in a member called `event` alone proves nothing.
const METADATA_ENVELOPE: Convention = Convention {
    name: "metadata-envelope",
    rank: Rank::Envelope,
    fingerprint: Fingerprint::Fields(2, Sign(Payload)),
    names: Names::Loose,
    failure: Failure::No,
    rows: &[
        member(&["data", "payload", "body"], Sign(Payload)),
        nested(&["event"], &["data", "payload"], Sign(Payload)),
        nested(ENVELOPES, &["eventId"], Id(Itself)),
        nested(ENVELOPES, &["messageId"], Id(Itself)),
        nested(ENVELOPES, &["id"], Id(Itself)),
        nested(ENVELOPES, &["eventType", "eventName", "messageType"], Type),
        nested(ENVELOPES, &["type", "name"], Type),
        nested(ENVELOPES, &["source", "service", "producer"], Source),
        nested(ENVELOPES, &["eventVersion", "schemaVersion", "version"], Version),
        nested(ENVELOPES, &["occurredAt", "eventTime", "timestamp", "time", "createdAt"], Time).as_(AsTime),
        nested(ENVELOPES, &["causationId"], Id(Cause)),
        nested(ENVELOPES, &["correlationId"], Id(Conversation)),
        nested(ENVELOPES, &["traceParent"], Trace).as_(AsTrace),
    ],
};

/// Header names that many use alike, without a framework behind them.
const GENERIC_HEADERS: Convention = Convention {
    name: "generic-headers",
    rank: Rank::Header,
    fingerprint: Fingerprint::Any,
    names: Names::Loose,
    failure: Failure::No,
    rows: &[
        header(&["event-id"], Id(Itself)),
        header(&["message-id", "x-message-id", "x-event-id"], Id(Itself)),
        header(&["idempotency-key"], Id(Itself)),
        header(&["event-type", "x-event-type"], Type),
        header(&["message-type", "event-name"], Type),
        header(&["type"], Type),
        header(&["source", "x-source"], Source),
        header(&["producer", "service", "app", "origin", "client-id"], Source),
        header(&["event-version", "schema-version"], Version),
        header(&["version"], Version),
        header(&["event-time", "occurred-at", "created-at"], Time).as_(AsTime),
        header(&["timestamp", "time", "sent-at"], Time).as_(AsTime),
        header(&["causation-id", "x-causation-id", "caused-by", "cause-id"], Id(Cause)),
        header(&["parent-event-id", "parent-id", "trigger-id", "in-reply-to"], Id(Cause)),
        header(&["correlation-id", "x-correlation-id"], Id(Conversation)),
        header(&["conversation-id", "business-id", "saga-id", "process-id", "flow-id", "x-flow-id"], Id(Conversation)),
        header(&["transaction-id", "request-id", "x-request-id"], Id(Conversation)),
    ],
};

/// Bodies whose envelope fields stand beside the business data: `{"eventId": …, "eventType": …, "data": …}`.
const GENERIC_ENVELOPE: Convention = Convention {
    name: "generic-envelope",
    rank: Rank::Member,
    fingerprint: Fingerprint::Fields(2, Sign(Payload)),
    names: Names::Loose,
    failure: Failure::No,
    rows: &[
        member(&["data", "payload", "body"], Sign(Payload)),
        member(&["eventId"], Id(Itself)),
        member(&["messageId"], Id(Itself)),
        member(&["id"], Id(Itself)),
        member(&["eventType", "eventName", "messageType"], Type),
        member(&["type"], Type),
        member(&["source", "producer"], Source),
        member(&["eventVersion", "schemaVersion", "version"], Version),
        member(&["occurredAt", "eventTime", "timestamp", "time", "createdAt"], Time).as_(AsTime),
        member(&["causationId"], Id(Cause)),
        member(&["correlationId"], Id(Conversation)),
    ],
};

/// CloudEvents distributed tracing extension: the trace of the *start* of the transmission, the same over all hops, so
/// it speaks only where nothing else does.
const CLOUDEVENTS_TRACING: Convention = Convention {
    name: "cloudevents-tracing",
    rank: Rank::Hint,
    fingerprint: Fingerprint::Any,
    names: Names::Exact,
    failure: Failure::No,
    rows: &[
        header(&["ce_traceparent", "ce-traceparent", "cloudEvents:traceparent", "cloudEvents_traceparent"], Trace)
            .as_(AsTrace),
        member(&["traceparent"], Trace).as_(AsTrace),
    ],
};

//! Entries of the outbox as spans: pure, so that the same entries are the same bytes each time.

use super::ids::{Place, Places, event_span, late_span, pass_span, trace_id};
use super::names;
use crate::event::{EventRef, FailureKind, OrphanReason, OutboxCursor, Resolution, Timestamp};
use crate::store::{OutboxEntry, OutboxLink, OutboxPart, ToldEvent, ToldFailure};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use std::collections::HashMap;

/// Spans of one request: as many as the SDKs send at once by default.
pub const REQUEST_SPANS: usize = 512;
/// Bytes of one request before compression: half of what collectors take by default (4 MiB).
pub const REQUEST_BYTES: usize = 2 << 20;
/// Longest time between the making of an event and its record that is shown as the span's length. What lies farther
/// apart is no sending: a clock that is wrong, or data of old that is sent again.
const APPEND_MAX_US: i64 = 3_600_000_000;
/// Shortest span, 1 µs: Jaeger takes one without length for one of negative length, and warns.
const LENGTH_MIN_NS: u64 = 1_000;
/// Latest time that is told, in the year 2262: readers hold nanoseconds in 63 bits.
const LATEST_US: i64 = i64::MAX / 1000 - 1;
/// Sampled (W3C trace flags).
const SAMPLED: u32 = 1;
/// Sampled, and known to come from elsewhere (OTLP span flags, bits 8 and 9).
const REMOTE: u32 = 0x301;

/// One span and the service that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSpan {
    /// The cluster, as namespace.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// The span.
    pub span: Span,
    /// How far the outbox is sent with it.
    pub cursor: OutboxCursor,
}

/// The spans of `entries`, in their order.
pub fn spans(entries: &[OutboxEntry], places: &Places) -> Vec<ServiceSpan> {
    entries.iter().flat_map(|entry| entry_spans(entry, places)).collect()
}

/// Cuts `spans` into what one request can hold.
pub fn requests(spans: Vec<ServiceSpan>) -> Vec<Vec<ServiceSpan>> {
    let (mut all, mut current, mut bytes) = (Vec::new(), Vec::new(), 0);
    for span in spans {
        let size = span.span.encoded_len() + span.service.len();
        if current.len() >= REQUEST_SPANS || bytes + size > REQUEST_BYTES && !current.is_empty() {
            all.push(std::mem::take(&mut current));
            bytes = 0;
        }
        bytes += size;
        current.push(span);
    }
    if !current.is_empty() {
        all.push(current);
    }
    all
}

/// One request: spans by service, services in the order of their first span.
pub fn resource_spans(spans: &[ServiceSpan]) -> Vec<ResourceSpans> {
    let mut all: Vec<ResourceSpans> = Vec::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for ServiceSpan { cluster, service, span, .. } in spans {
        let at = *places.entry((cluster, service)).or_insert_with(|| {
            all.push(resource(cluster, service));
            all.len() - 1
        });
        all[at].scope_spans[0].spans.push(span.clone());
    }
    all
}

fn resource(cluster: &str, service: &str) -> ResourceSpans {
    let attributes = vec![
        text(names::SERVICE_NAME, service),
        text(names::SERVICE_NAMESPACE, cluster),
        text(names::HOST_ID, names::HOST),
        text(names::HOST_NAME, names::HOST),
        text(names::IP, names::HOST),
    ];
    let scope = InstrumentationScope {
        name: names::SCOPE.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    };
    let schema_url = names::SCHEMA_URL.to_owned();
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans: Vec::new(), schema_url: schema_url.clone() }],
        schema_url,
    }
}

fn entry_spans(entry: &OutboxEntry, places: &Places) -> Vec<ServiceSpan> {
    let place = places.place(entry.reference);
    let base = Base { entry, place: &place, places, trace: trace_id(&places.place(entry.seed)).to_vec() };
    let owner = owner(&entry.event, &place);
    let (service, spans) = match &entry.part {
        OutboxPart::Event { parent, resolution, orphan_reason } => {
            (owner, vec![base.event(*parent, *resolution, *orphan_reason)])
        }
        OutboxPart::LateCause => (owner, entry.links.iter().map(|link| base.late(link)).collect()),
        OutboxPart::Pass { group, not_before, not_after } => {
            (group.clone(), vec![base.pass(group, *not_before, *not_after)])
        }
    };
    let cursor = OutboxCursor { seq: entry.seq, reference: entry.reference.0 };
    let tag = |span| ServiceSpan { cluster: place.cluster.to_string(), service: service.clone(), span, cursor };
    spans.into_iter().map(tag).collect()
}

/// Who wrote the record: the group that failed, the source that it names, else nobody but its topic.
fn owner(event: &ToldEvent, place: &Place) -> String {
    let group = event.failure.as_ref().and_then(|failure| failure.group.clone());
    group.or_else(|| event.source.clone()).unwrap_or_else(|| place.topic.to_string())
}

/// What all spans of one entry share.
struct Base<'a> {
    entry: &'a OutboxEntry,
    place: &'a Place,
    places: &'a Places,
    trace: Vec<u8>,
}

impl Base<'_> {
    fn event(&self, parent: Option<EventRef>, resolution: Resolution, orphan: Option<OrphanReason>) -> Span {
        let event = &self.entry.event;
        let operation = event.failure.as_ref().map_or(names::SEND, |failure| failure.kind.as_str());
        let mut attributes = self.attributes(operation, names::SEND);
        attributes.extend(own_words(event));
        attributes.push(text(names::RESOLUTION, Resolution::NAMES[resolution.number() as usize]));
        attributes.extend(orphan.map(|reason| text(names::ORPHAN_REASON, reason.as_str())));
        attributes.extend(event.failure.iter().flat_map(failure_words));
        let sending = event.record_time.since(event.time);
        let end = if (1..=APPEND_MAX_US).contains(&sending) { event.record_time } else { event.time };
        attributes.push(text(names::DURATION_BASIS, names::BASIS_APPEND));
        let mut links: Vec<Link> = event.trace.iter().filter_map(own_trace).collect();
        links.extend(self.entry.links.iter().map(|link| self.link(link)));
        Span {
            parent_span_id: parent.map(|cause| event_span(&self.places.place(cause)).to_vec()).unwrap_or_default(),
            name: match &event.event_type {
                Some(event_type) => format!("{operation} {} {event_type}", self.place.topic),
                None => format!("{operation} {}", self.place.topic),
            },
            kind: SpanKind::Producer as i32,
            attributes,
            links,
            status: event.failure.as_ref().map(status),
            ..self.span(event_span(self.place), event.time, end)
        }
    }

    fn late(&self, link: &OutboxLink) -> Span {
        let cause = self.places.place(link.cause);
        let time = self.entry.event.time;
        Span {
            parent_span_id: event_span(self.place).to_vec(),
            name: format!("late cause {}", self.place.topic),
            kind: SpanKind::Internal as i32,
            attributes: vec![
                flag(names::SYNTHESIZED),
                text(names::COORDINATES, &self.place.coordinates()),
                text(names::EVIDENCE, link.evidence.as_str()),
            ],
            links: vec![self.link(link)],
            ..self.span(late_span(self.place, &cause), time, time)
        }
    }

    /// The bracket in which the group passed the event: not before it was there, not after the sample that showed it.
    fn pass(&self, group: &str, not_before: Option<Timestamp>, not_after: Timestamp) -> Span {
        let time = self.entry.event.time;
        let start = not_before.map_or(time, |bound| bound.max(time)).min(not_after);
        let mut attributes = self.attributes(names::PASS, names::SETTLE);
        attributes.push(text(names::GROUP, group));
        attributes.extend(self.entry.event.id.iter().map(|id| text(names::MESSAGE_ID, id)));
        attributes.push(text(names::DURATION_BASIS, names::BASIS_COMMIT));
        Span {
            parent_span_id: event_span(self.place).to_vec(),
            name: format!("{} {}", names::PASS, self.place.topic),
            kind: SpanKind::Consumer as i32,
            attributes,
            ..self.span(pass_span(self.place, group), start, not_after)
        }
    }

    fn span(&self, id: [u8; 8], start: Timestamp, end: Timestamp) -> Span {
        Span {
            trace_id: self.trace.clone(),
            span_id: id.to_vec(),
            flags: SAMPLED,
            start_time_unix_nano: nanos(start),
            end_time_unix_nano: nanos(end).max(nanos(start) + LENGTH_MIN_NS),
            ..Span::default()
        }
    }

    fn attributes(&self, operation: &str, operation_type: &str) -> Vec<KeyValue> {
        vec![
            flag(names::SYNTHESIZED),
            text(names::MESSAGING_SYSTEM, names::KAFKA),
            text(names::OPERATION_NAME, operation),
            text(names::OPERATION_TYPE, operation_type),
            text(names::DESTINATION, &self.place.topic),
            text(names::PARTITION, &self.place.partition.to_string()),
            number(names::OFFSET, self.place.offset),
            text(names::COORDINATES, &self.place.coordinates()),
        ]
    }

    /// A cause that was never told is linked under the trace that it would have begun itself.
    fn link(&self, link: &OutboxLink) -> Link {
        let cause = self.places.place(link.cause);
        let seed = link.seed.map_or_else(|| cause.clone(), |seed| self.places.place(seed));
        Link {
            trace_id: trace_id(&seed).to_vec(),
            span_id: event_span(&cause).to_vec(),
            attributes: vec![
                text(names::EVIDENCE, link.evidence.as_str()),
                attribute(names::CONFIDENCE, Value::DoubleValue((f64::from(link.confidence) * 1e4).round() / 1e4)),
                text(names::COORDINATES, &cause.coordinates()),
            ],
            flags: REMOTE,
            ..Link::default()
        }
    }
}

/// What the record says about itself.
fn own_words(event: &ToldEvent) -> Vec<KeyValue> {
    let mut words =
        vec![text(names::EVENT_KIND, event.kind.as_str()), number(names::BODY_SIZE, i64::from(event.value_bytes))];
    let named = [
        (names::EVENT_TYPE, &event.event_type),
        (names::EVENT_VERSION, &event.version),
        (names::MESSAGE_ID, &event.id),
        (names::CONVERSATION_ID, &event.correlation),
    ];
    words.extend(named.into_iter().filter_map(|(name, value)| Some(text(name, value.as_deref()?))));
    words.extend(event.tombstone.then(|| flag(names::TOMBSTONE)));
    words
}

fn failure_words(failure: &ToldFailure) -> Vec<KeyValue> {
    let mut words = vec![
        text(names::ERROR_TYPE, failure.class.as_deref().unwrap_or(names::ERROR_OTHER)),
        text(names::SIGNATURE, &failure.signature),
    ];
    words.extend(failure.group.iter().map(|group| text(names::GROUP, group)));
    words.extend(failure.attempt.map(|attempt| number(names::ATTEMPT, i64::from(attempt))));
    words
}

fn status(failure: &ToldFailure) -> Status {
    let what = match failure.kind {
        FailureKind::DeadLetter => "given up",
        FailureKind::Retry => "to be tried again",
        FailureKind::Fault => "failed",
    };
    let message = failure.message.as_deref().or(failure.class.as_deref()).unwrap_or(what);
    Status { code: StatusCode::Error as i32, message: message.to_owned() }
}

/// The trace that the producer itself was in. Ids of zero name nothing.
fn own_trace(context: &crate::event::TraceContext) -> Option<Link> {
    let trace = u128::from(context.trace_hi) << 64 | u128::from(context.trace_lo);
    (trace != 0 && context.parent_id != 0).then(|| Link {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: context.parent_id.to_be_bytes().to_vec(),
        attributes: vec![text(names::EVIDENCE, names::TRACEPARENT)],
        flags: REMOTE,
        ..Link::default()
    })
}

/// Nanoseconds since 1970. Records carry any time, and readers hold it in 63 bits.
fn nanos(at: Timestamp) -> u64 {
    at.0.clamp(0, LATEST_US).unsigned_abs() * 1000
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn flag(key: &str) -> KeyValue {
    attribute(key, Value::BoolValue(true))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

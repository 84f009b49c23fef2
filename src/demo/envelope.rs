//! How the services write what an event says about itself, and read it again.
//!
//! This is the applications' side: it shares nothing with the tap's decoder, so that the two can disagree.

use super::company::Style;
use serde_json::{Value, json};

/// Headers in order; names may repeat.
pub type Headers = Vec<(String, Vec<u8>)>;

/// W3C trace context as it travels with a record: the trace and the span of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Trace id.
    pub trace_id: u128,
    /// Span id of whoever sent the record.
    pub span_id: u64,
}

impl Trace {
    /// As a `traceparent` (W3C Trace Context, version 00, sampled).
    pub fn to_traceparent(self) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace_id, self.span_id)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-').skip(1);
        let trace_id = u128::from_str_radix(parts.next()?, 16).ok()?;
        let span_id = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some(Self { trace_id, span_id })
    }
}

/// What an event says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its trace, unless that was dropped.
    pub trace: Option<Trace>,
    /// Id of the event that caused it; its own id on an event that begins an order.
    pub causation: Option<String>,
    /// What all events of an order share.
    pub correlation: Option<String>,
}

/// Headers and value of `event` in a service's style. `source` is the service, `time` is RFC 3339.
pub fn encode(style: Style, event: &Event, (source, time): (&str, &str), data: &Value) -> (Headers, Vec<u8>) {
    match style {
        Style::MetadataEnvelope => (Vec::new(), metadata_envelope(event, time, data)),
        Style::CloudeventsBinary => (cloudevents_headers(event, source, time), data.to_string().into_bytes()),
        Style::CloudeventsStructured => {
            let mut headers = vec![text("content-type", "application/cloudevents+json; charset=UTF-8")];
            headers.extend(traceparent(event));
            (headers, cloudevents_value(event, source, time, data))
        }
        Style::Headers => (plain_headers(event), data.to_string().into_bytes()),
    }
}

/// Reads an event in any of the company's styles. `None` for anything else, such as a record kept without its headers.
pub fn decode(headers: &[(String, Vec<u8>)], value: &[u8]) -> Option<Event> {
    let header = |name: &str| {
        let found = headers.iter().rev().find(|(n, _)| n == name)?;
        String::from_utf8(found.1.clone()).ok()
    };
    let trace = header("traceparent").and_then(|text| Trace::parse(&text));
    if let Some(id) = header("ce_id") {
        let (causation, correlation) = (header("ce_causationid"), header("ce_correlationid"));
        return Some(Event { id, kind: header("ce_type")?, trace, causation, correlation });
    }
    if let Some(id) = header("message-id") {
        let (causation, correlation) = (header("causation-id"), header("correlation-id"));
        return Some(Event { id, kind: header("message-type")?, trace, causation, correlation });
    }
    let body: Value = serde_json::from_slice(value).ok()?;
    let field = |at: &str| body.pointer(at).and_then(Value::as_str).map(str::to_owned);
    if let Some(id) = field("/metadata/eventId") {
        return Some(Event {
            id,
            kind: field("/metadata/eventType")?,
            trace: field("/metadata/traceParent").and_then(|text| Trace::parse(&text)),
            causation: field("/metadata/causationId"),
            correlation: field("/metadata/correlationId"),
        });
    }
    let (causation, correlation) = (field("/causationid"), field("/correlationid"));
    Some(Event { id: field("/id")?, kind: field("/type")?, trace, causation, correlation })
}

fn metadata_envelope(event: &Event, time: &str, data: &Value) -> Vec<u8> {
    let mut metadata = json!({
        "version": "1.0",
        "eventType": event.kind,
        "eventId": event.id,
        "eventTime": time,
    });
    set(&mut metadata, "traceParent", event.trace.map(Trace::to_traceparent));
    set(&mut metadata, "causationId", event.causation.clone());
    set(&mut metadata, "correlationId", event.correlation.clone());
    json!({ "metadata": metadata, "data": data }).to_string().into_bytes()
}

fn cloudevents_headers(event: &Event, source: &str, time: &str) -> Headers {
    let mut headers = vec![
        text("ce_specversion", "1.0"),
        text("ce_id", &event.id),
        text("ce_source", &source_uri(source)),
        text("ce_type", &event.kind),
        text("ce_time", time),
        text("content-type", "application/json"),
    ];
    headers.extend(event.correlation.as_deref().map(|id| text("ce_correlationid", id)));
    headers.extend(event.causation.as_deref().map(|id| text("ce_causationid", id)));
    headers.extend(traceparent(event));
    headers
}

fn cloudevents_value(event: &Event, source: &str, time: &str, data: &Value) -> Vec<u8> {
    let mut value = json!({
        "specversion": "1.0",
        "id": event.id,
        "source": source_uri(source),
        "type": event.kind,
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
    });
    set(&mut value, "correlationid", event.correlation.clone());
    set(&mut value, "causationid", event.causation.clone());
    value.to_string().into_bytes()
}

fn plain_headers(event: &Event) -> Headers {
    let mut headers = vec![text("message-id", &event.id), text("message-type", &event.kind)];
    headers.extend(event.causation.as_deref().map(|id| text("causation-id", id)));
    headers.extend(event.correlation.as_deref().map(|id| text("correlation-id", id)));
    headers.extend(traceparent(event));
    headers
}

fn traceparent(event: &Event) -> Option<(String, Vec<u8>)> {
    event.trace.map(|trace| text("traceparent", &trace.to_traceparent()))
}

fn text(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

fn source_uri(service: &str) -> String {
    format!("/pizza/{service}")
}

fn set(object: &mut Value, name: &str, value: Option<String>) {
    if let Some(value) = value {
        object[name] = Value::String(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            id: "e-2".into(),
            kind: "payment.taken".into(),
            trace: Some(Trace { trace_id: 0xabc, span_id: 0xdef }),
            causation: Some("e-1".into()),
            correlation: Some("order-000001".into()),
        }
    }

    fn written(style: Style, event: &Event) -> (Vec<String>, String) {
        let (headers, value) = encode(style, event, ("payment", "2026-01-02T03:04:05.006Z"), &json!({ "cents": 1190 }));
        assert_eq!(decode(&headers, &value).as_ref(), Some(event), "{style:?} reads what it wrote");
        let headers = headers.iter().map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v))).collect();
        (headers, String::from_utf8(value).unwrap())
    }

    const TRACEPARENT: &str = "traceparent: 00-00000000000000000000000000000abc-0000000000000def-01";

    #[test]
    fn metadata_envelope_lies_in_the_value() {
        let (headers, value) = written(Style::MetadataEnvelope, &event());
        assert!(headers.is_empty());
        let golden = json!({
            "metadata": {
                "version": "1.0", "eventType": "payment.taken", "eventId": "e-2",
                "eventTime": "2026-01-02T03:04:05.006Z",
                "traceParent": "00-00000000000000000000000000000abc-0000000000000def-01",
                "causationId": "e-1", "correlationId": "order-000001",
            },
            "data": { "cents": 1190 },
        });
        assert_eq!(serde_json::from_str::<Value>(&value).unwrap(), golden);
    }

    #[test]
    fn cloudevents_binary_lies_in_headers() {
        let (headers, value) = written(Style::CloudeventsBinary, &event());
        assert_eq!(value, r#"{"cents":1190}"#);
        let golden = [
            "ce_specversion: 1.0",
            "ce_id: e-2",
            "ce_source: /pizza/payment",
            "ce_type: payment.taken",
            "ce_time: 2026-01-02T03:04:05.006Z",
            "content-type: application/json",
            "ce_correlationid: order-000001",
            "ce_causationid: e-1",
            TRACEPARENT,
        ];
        assert_eq!(headers, golden);
    }

    #[test]
    fn cloudevents_structured_lies_in_the_value_and_the_trace_in_a_header() {
        let (headers, value) = written(Style::CloudeventsStructured, &event());
        assert_eq!(headers, ["content-type: application/cloudevents+json; charset=UTF-8", TRACEPARENT]);
        let golden = json!({
            "specversion": "1.0", "id": "e-2", "source": "/pizza/payment", "type": "payment.taken",
            "time": "2026-01-02T03:04:05.006Z", "datacontenttype": "application/json",
            "correlationid": "order-000001", "causationid": "e-1", "data": { "cents": 1190 },
        });
        assert_eq!(serde_json::from_str::<Value>(&value).unwrap(), golden);
    }

    #[test]
    fn plain_headers_carry_ids_only() {
        let (headers, value) = written(Style::Headers, &event());
        assert_eq!(value, r#"{"cents":1190}"#);
        let golden = [
            "message-id: e-2",
            "message-type: payment.taken",
            "causation-id: e-1",
            "correlation-id: order-000001",
            TRACEPARENT,
        ];
        assert_eq!(headers, golden);
    }

    #[test]
    fn an_event_without_context_says_who_it_is_and_nothing_else() {
        let lost = Event { trace: None, causation: None, correlation: None, ..event() };
        let (headers, _) = written(Style::Headers, &lost);
        assert_eq!(headers, ["message-id: e-2", "message-type: payment.taken"]);
        for style in [Style::MetadataEnvelope, Style::CloudeventsBinary, Style::CloudeventsStructured] {
            written(style, &lost);
        }
    }

    #[test]
    fn anything_else_is_no_event() {
        assert_eq!(decode(&[], b"unreadable order, parked by hand"), None);
        assert_eq!(decode(&[], b"{}"), None);
    }
}

//! What people read: why something was not understood, what is missing, what a value means.

use super::super::found::Read;
use super::super::row::{Condition, Convention, Encoding, Field, Location, Rank, Says, TraceFormat};
use super::super::schema::SchemaId;
use super::super::text::{MAX_ID_BYTES, Raw};
use crate::event::{Timestamp, TraceContext};
use std::fmt::Write;

/// Bytes of a value that are shown.
const MAX_RAW_BYTES: usize = 120;

/// Bytes of a binary value that are shown, two digits each.
const MAX_HEX_BYTES: usize = 48;

/// `bytes` as people can read them: text as it is, all else in hexadecimal digits, both bounded.
pub fn raw(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(MAX_RAW_BYTES)];
    let cut = if shown.len() < bytes.len() { "…" } else { "" };
    let text = match std::str::from_utf8(shown) {
        Ok(text) => Some(text),
        // The cut may go through a character.
        Err(error) if !cut.is_empty() && error.error_len().is_none() => {
            std::str::from_utf8(&shown[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    let printable = |text: &&str| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    match text.filter(printable) {
        Some(text) => format!("{text}{cut}"),
        None => {
            format!("0x{}", hex(bytes))
        }
    }
}

/// `bytes` in hexadecimal digits, bounded.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in &bytes[..bytes.len().min(MAX_HEX_BYTES)] {
        let _ = write!(out, "{byte:02x}");
    }
    if bytes.len() > MAX_HEX_BYTES {
        out.push('…');
    }
    out
}

/// A point in time, RFC 3339 in UTC; the bare number where the calendar ends.
pub fn time(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.0).map_or_else(|_| time.0.to_string(), |time| time.to_string())
}

/// A trace and the span of whoever sent the record.
pub fn trace(context: &TraceContext) -> String {
    format!("{:016x}{:016x}/{:016x}", context.trace_hi, context.trace_lo, context.parent_id)
}

/// The fields of this set of bits.
pub fn fields(bits: u64) -> Vec<String> {
    Field::ALL.iter().filter(|field| bits & field.bit() != 0).map(|field| field.name().to_owned()).collect()
}

/// How a rank is called.
pub const fn rank(rank: Rank) -> &'static str {
    match rank {
        Rank::House => "house",
        Rank::Framework => "framework",
        Rank::Envelope => "envelope",
        Rank::Header => "header",
        Rank::Member => "member",
        Rank::Hint => "hint",
    }
}

/// What such a value means.
pub const fn meaning(field: Field) -> &'static str {
    match field {
        Field::Id => "the id of this event",
        Field::CausationId => "the id of the event that caused it",
        Field::CorrelationId => "an id that all events of one flow share",
        Field::RootId => "the id of the event with which the flow began",
        Field::ParentCorrelationId => "the correlation id of the event that caused it",
        Field::RequestId => "an id that a request and its reply share",
        Field::FailedId => "the id of the event whose failure it reports",
        Field::Depth => "steps from the event with which the flow began",
        Field::ReplyTo => "where the answer is to go",
        Field::Type => "the type of the event",
        Field::Source => "who wrote it",
        Field::Version => "the version of the event or its schema",
        Field::Time => "when it happened",
        Field::Kind => "what the record is",
        Field::Trace | Field::TraceId => "its trace, and the span of whoever sent it",
        Field::TraceHigh => "the upper half of the trace id",
        Field::SpanId => "the span of whoever sent it",
        Field::OriginTopic => "the record that failed first",
        Field::OriginPartition => "the partition of the record that failed",
        Field::OriginOffset => "the offset of the record that failed",
        Field::Group => "the consumer group that failed",
        Field::Attempts => "attempts made so far",
        Field::ErrorClass => "the class or code of the error",
        Field::ErrorMessage => "the message of the error",
        Field::ClaimCheck => "where the data lies that the record only points at",
        Field::Attribute => "a business field that the configuration asks to keep",
        Field::Noted => "known, and of no use to the graph",
    }
}

/// Why `raw` is no id.
pub fn no_id(raw: Raw<'_>) -> String {
    let text = raw.text();
    let bytes = text.trim_ascii();
    match bytes.len() {
        0 => "it is empty".to_owned(),
        n if n > MAX_ID_BYTES => format!("it is longer than {MAX_ID_BYTES} bytes"),
        55 if TraceContext::parse(bytes).is_some() => "it is a traceparent, and no id".to_owned(),
        n => format!("it is neither text nor a binary id of 4, 8 or 16 bytes, but {n} bytes"),
    }
}

/// Why `raw` names no trace.
pub fn no_trace(raw: Raw<'_>, encoding: &Encoding) -> String {
    let Encoding::Trace(format) = encoding else {
        return "trace or span are no hexadecimal ids other than zero, or no span stands beside the trace".to_owned();
    };
    let text = raw.text();
    let text = text.trim_ascii();
    match format {
        TraceFormat::TraceParent => no_traceparent(text).to_owned(),
        TraceFormat::B3 if matches!(text, b"0" | b"1" | b"d") => "a decision to sample alone names no trace".to_owned(),
        _ => format!("it is not of the form of {}", form(*format)),
    }
}

const fn form(format: TraceFormat) -> &'static str {
    match format {
        TraceFormat::TraceParent => "a traceparent",
        TraceFormat::B3 => "B3: trace-span",
        TraceFormat::Jaeger => "Jaeger: trace:span:parent:flags",
        TraceFormat::XRay => "X-Ray: Root=…;Parent=…",
        TraceFormat::Binary => "29 bytes of a binary trace context",
        TraceFormat::Sentry => "Sentry: trace-span",
        TraceFormat::Sw8 => "SkyWalking: eight parts",
        TraceFormat::GoogleCloud => "Google Cloud: trace/span",
    }
}

/// Which rule of W3C Trace Context `text` breaks.
fn no_traceparent(text: &[u8]) -> &'static str {
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    match text.len() {
        0 => "it is empty",
        1..=54 => "it is shorter than the 55 characters of a traceparent",
        _ if part(0..2) == b"ff" => "version ff is forbidden",
        _ if zero(part(3..35)) => "its trace id is all zero",
        _ if zero(part(36..52)) => "its span id is all zero",
        _ if text.iter().any(u8::is_ascii_uppercase) => "it has upper-case digits",
        56.. if part(0..2) == b"00" => "it is longer than version 00 allows",
        _ => "it is not of the form 00-trace-span-flags",
    }
}

/// Why a body was not read.
pub fn unread(body: &[u8]) -> String {
    match body {
        [] => "empty".to_owned(),
        _ => "not read: the headers answered".to_owned(),
    }
}

/// How the reading of a body went; `schema` is the one that it names.
pub fn read(read: Read, schema: Option<SchemaId>) -> String {
    let behind = schema.map(|id| format!(" behind the mark of schema {id}")).unwrap_or_default();
    match read {
        Read::Whole => format!("read as JSON{behind}"),
        Read::NotJson if schema.is_some() => format!("no JSON{behind}: it needs that schema, from a schema registry"),
        Read::NotJson => "no JSON: nothing was looked for in it".to_owned(),
        Read::RanOut => format!("read as JSON{behind}, which ends too early or is longer than what is read"),
        Read::Broken => format!("begins as JSON{behind} and is none: nothing in it counts"),
    }
}

/// What `convention`, of which `found` was found, lacks to be recognised; `off` says that it does not count on the topic.
pub fn missing(convention: &Convention, found: u64, off: bool) -> String {
    if let (true, Some(topics)) = (off, &convention.topics) {
        return format!("counts on topics {topics} only");
    }
    let ways: Vec<String> = way_by_way(convention, found).into_iter().filter(|way| !way.is_empty()).collect();
    match ways.as_slice() {
        [] => format!("needs {} different fields", convention.least),
        ways => format!("needs {}", ways.join(", or ")),
    }
}

/// For each set of conditions of which one must hold, those that do not.
fn way_by_way(convention: &Convention, found: u64) -> Vec<String> {
    // Conditions that are no fields are numbered on through all sets, as the table is compiled.
    let mut number = Field::COUNT;
    let mut ways = Vec::new();
    for all_of in &convention.when {
        let mut lacks = Vec::new();
        for condition in all_of {
            let bit = match condition {
                Condition::Field(field) => field.bit(),
                Condition::There(..) => {
                    number += 1;
                    1 << (number - 1)
                }
            };
            if found & bit == 0 {
                lacks.push(condition_text(condition));
            }
        }
        ways.push(lacks.join(" and "));
    }
    ways
}

fn condition_text(condition: &Condition) -> String {
    match condition {
        Condition::Field(field) => format!("its {}", field.name()),
        Condition::There(location, says) => {
            let at = location_text(location);
            match says {
                Says::Anything => at,
                Says::Is(value) => format!("{at} = {value}"),
                Says::Begins(value) => format!("{at} that begins with {value}"),
                Says::Uuid => format!("{at} that is a UUID"),
            }
        }
    }
}

fn location_text(location: &Location) -> String {
    match location {
        Location::Header(spellings) => format!("header {}", spellings.join("|")),
        Location::Body(levels) => {
            let levels: Vec<String> = levels.iter().map(|names| names.join("|")).collect();
            format!("body /{}", levels.join("/"))
        }
        Location::KeyField(number) => format!("key field {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bounded_and_binary_ones_are_digits() {
        assert_eq!(raw(b"order-1"), "order-1");
        assert_eq!(raw("é".repeat(61).as_bytes()), format!("{}…", "é".repeat(60)));
        assert_eq!(raw(format!("x{}", "é".repeat(61)).as_bytes()), format!("x{}…", "é".repeat(59)));
        assert_eq!(raw(&[0, 0, 0, 2]), "0x00000002");
        assert_eq!(raw(b"\x1b[31m"), "0x1b5b33316d");
        assert_eq!(raw(&[0xff; 500]), format!("0x{}…", "ff".repeat(48)));
    }

    #[test]
    fn a_traceparent_that_is_none_breaks_a_rule_that_has_a_name() {
        let good = "00-c69e4ece59870be786297fa079ad61a5-a387eade1273b3f8-03";
        for (text, rule) in [
            ("", "empty"),
            ("00-c69e", "shorter"),
            (&good.replacen("00", "ff", 1), "version ff"),
            ("00-00000000000000000000000000000000-a387eade1273b3f8-03", "trace id is all zero"),
            ("00-c69e4ece59870be786297fa079ad61a5-0000000000000000-03", "span id is all zero"),
            (&good.replace('c', "C"), "upper-case"),
            (&format!("{good}-x"), "longer"),
            (&good.replace('a', "x"), "form"),
        ] {
            assert_eq!(TraceContext::parse(text.as_bytes()), None, "{text}");
            assert!(no_traceparent(text.as_bytes()).contains(rule), "{text}");
        }
    }
}

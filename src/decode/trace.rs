//! Trace contexts in the forms in which tracers write them.

use super::row::TraceFormat;
use super::text::{Raw, from_base64};
use crate::event::{HashKey, TraceContext};

/// Bytes of OpenCensus' binary form: version, then field 0 (trace, 16), 1 (span, 8) and 2 (options, 1).
const BINARY_BYTES: usize = 29;

/// Parts of SkyWalking's header.
const SW8_PARTS: usize = 8;

/// Longest value of any form: `sw8` names services and endpoints.
const MAX_CONTEXT_BYTES: usize = 4096;

/// The trace and span that `raw` holds; `None` when it breaks the rules of its form, or names none.
pub fn context(raw: Raw<'_>, format: TraceFormat, key: &HashKey) -> Option<TraceContext> {
    if raw.bytes.len() > MAX_CONTEXT_BYTES {
        return None;
    }
    let text = raw.text();
    let text = text.trim_ascii();
    match format {
        TraceFormat::TraceParent => TraceContext::parse(text),
        TraceFormat::B3 => b3(text),
        TraceFormat::Jaeger => jaeger(text),
        TraceFormat::XRay => xray(text),
        TraceFormat::Binary => binary(raw.bytes),
        TraceFormat::Sentry => {
            let mut parts = text.split(|byte| *byte == b'-');
            whole(trace_id(parts.next()?)?, span_id(parts.next()?)?)
        }
        TraceFormat::Sw8 => sw8(text, key),
        TraceFormat::GoogleCloud => {
            let slash = text.iter().position(|byte| *byte == b'/')?;
            let span = text[slash + 1..].split(|byte| *byte == b';').next()?;
            whole(trace_id(&text[..slash])?, decimal(span)?)
        }
    }
}

/// B3 single header: `{trace}-{span}[-{sampled}[-{parent}]]`; one of `0`, `1` and `d` alone names no trace.
fn b3(text: &[u8]) -> Option<TraceContext> {
    let mut parts = text.split(|byte| *byte == b'-');
    whole(trace_id(parts.next()?)?, span_id(parts.next()?)?)
}

/// Jaeger: `{trace}:{span}:{parent}:{flags}`; leading zeros may be missing, and old clients wrote `%3A` for the colon.
fn jaeger(text: &[u8]) -> Option<TraceContext> {
    let text = std::str::from_utf8(text).ok()?.replace("%3A", ":").replace("%3a", ":");
    let parts: Vec<&str> = text.split(':').collect();
    let [trace, span, _, _] = parts[..] else { return None };
    whole(hexadecimal(trace.as_bytes(), 1..=32)?, hexadecimal(span.as_bytes(), 1..=16)? as u64)
}

/// AWS X-Ray: `Root=1-{8 hex}-{24 hex};Parent={16 hex};Sampled=1`, members in any order.
fn xray(text: &[u8]) -> Option<TraceContext> {
    let member = |name: &[u8]| text.split(|byte| *byte == b';').find_map(|part| part.trim_ascii().strip_prefix(name));
    let root = member(b"Root=1-")?;
    if root.len() != 33 || root[8] != b'-' {
        return None;
    }
    let trace = hexadecimal(&root[..8], 8..=8)? << 96 | hexadecimal(&root[9..], 24..=24)?;
    whole(trace, span_id(member(b"Parent=")?)?)
}

fn binary(bytes: &[u8]) -> Option<TraceContext> {
    let decoded;
    let bytes = if bytes.len() == BINARY_BYTES {
        bytes
    } else {
        decoded = from_base64(bytes)?;
        &decoded
    };
    if bytes.len() != BINARY_BYTES || bytes[..2] != [0, 0] || bytes[18] != 1 || bytes[27] != 2 {
        return None;
    }
    let trace = u128::from_be_bytes(bytes[2..18].try_into().ok()?);
    whole(trace, u64::from_be_bytes(bytes[19..27].try_into().ok()?))
}

/// SkyWalking's ids are text of any form: trace and segment with span stand for themselves under a keyed hash.
fn sw8(text: &[u8], key: &HashKey) -> Option<TraceContext> {
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'-').collect();
    if parts.len() != SW8_PARTS {
        return None;
    }
    let (trace, segment) = (from_base64(parts[1])?, from_base64(parts[2])?);
    let (hi, lo) = key.hash128(&trace);
    let span = key.hash(&[&segment, &b"-"[..], parts[3]].concat());
    whole(u128::from(hi) << 64 | u128::from(lo), span)
}

/// The service that an `sw8` names as the sender.
pub fn sw8_service(text: &[u8]) -> Option<Vec<u8>> {
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'-').collect();
    if parts.len() == SW8_PARTS { from_base64(parts[4]) } else { None }
}

/// A trace id in 16 or 32 hexadecimal digits, never zero. 64 bits are the lower half.
pub fn trace_id(text: &[u8]) -> Option<u128> {
    matches!(text.len(), 16 | 32).then(|| hexadecimal(text, 16..=32)).flatten().filter(|id| *id != 0)
}

/// A span id in 16 hexadecimal digits, never zero.
pub fn span_id(text: &[u8]) -> Option<u64> {
    Some(hexadecimal(text, 16..=16)? as u64).filter(|id| *id != 0)
}

/// A decimal number of 64 bits.
pub fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The upper half of a trace id in Datadog's tags: `_dd.p.tid=640cfd8d00000000`.
pub fn datadog_tid(text: &[u8]) -> Option<u64> {
    let tag = text.split(|byte| *byte == b',').find_map(|tag| tag.trim_ascii().strip_prefix(b"_dd.p.tid="))?;
    Some(hexadecimal(tag, 16..=16)? as u64)
}

fn hexadecimal(text: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<u128> {
    if !digits.contains(&text.len()) || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u128::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

/// A context, unless one of its ids is zero, which names nothing.
pub fn whole(trace: u128, span: u64) -> Option<TraceContext> {
    let context = TraceContext { trace_hi: (trace >> 64) as u64, trace_lo: trace as u64, parent_id: span };
    (trace != 0 && span != 0).then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x80f1_98ee_5634_3ba8_64fe_8b2a_57d3_eff7;
    const SPAN: u64 = 0xe457_b5a2_e4d8_6bd1;

    fn read(value: &[u8], format: TraceFormat) -> Option<(u128, u64)> {
        let context = context(Raw::of_header(value), format, &HashKey([7; 16]))?;
        Some((u128::from(context.trace_hi) << 64 | u128::from(context.trace_lo), context.parent_id))
    }

    #[test]
    fn each_form_gives_its_trace_and_span() {
        let hex = "80f198ee56343ba864fe8b2a57d3eff7";
        let both = Some((TRACE, SPAN));
        let b3 = |text: String| read(text.as_bytes(), TraceFormat::B3);
        assert_eq!(b3(format!("{hex}-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90")), both);
        assert_eq!(b3(format!("{hex}-e457b5a2e4d86bd1")), both);
        assert_eq!(b3("64fe8b2a57d3eff7-e457b5a2e4d86bd1-d".into()), Some((TRACE as u64 as u128, SPAN)));
        let jaeger = |text: String| read(text.as_bytes(), TraceFormat::Jaeger);
        assert_eq!(jaeger(format!("{hex}:e457b5a2e4d86bd1:0:1")), both);
        assert_eq!(jaeger(format!("{hex}%3Ae457b5a2e4d86bd1%3A0%3A1")), both);
        assert_eq!(jaeger("1a:b:0:1".into()), Some((0x1a, 0xb)));
        let xray = b"Sampled=1;Parent=e457b5a2e4d86bd1;Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Lineage=x";
        assert_eq!(read(xray, TraceFormat::XRay), both);
        assert_eq!(read(format!("{hex}-e457b5a2e4d86bd1-1").as_bytes(), TraceFormat::Sentry), both);
        let google = format!("{hex}/{SPAN};o=1");
        assert_eq!(read(google.as_bytes(), TraceFormat::GoogleCloud), both);
        let bytes = [&[0, 0][..], &TRACE.to_be_bytes(), &[1], &SPAN.to_be_bytes(), &[2, 1]].concat();
        assert_eq!(read(&bytes, TraceFormat::Binary), both);
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        assert_eq!(read(text.as_bytes(), TraceFormat::Binary), both, "text carriers hold it in Base64");
    }

    #[test]
    fn skywalking_ids_are_told_apart_and_the_service_is_named() {
        let sw8 = "1-My40LjU=-MS4yLjM=-4-c2VydmljZQ==-aW5zdGFuY2U=-L2FwcA==-MTI3LjAuMC4xOjgwODA=";
        let other = sw8.replace("-4-", "-5-");
        let (first, second) = (read(sw8.as_bytes(), TraceFormat::Sw8), read(other.as_bytes(), TraceFormat::Sw8));
        let ((trace, span), (same, another)) = (first.unwrap(), second.unwrap());
        assert_eq!((trace == same, span == another), (true, false));
        assert_eq!(sw8_service(sw8.as_bytes()).as_deref(), Some(&b"service"[..]));
        assert_eq!(read(b"1-a-b", TraceFormat::Sw8), None);
    }

    #[test]
    fn what_names_no_trace_is_none() {
        let zero = "0".repeat(32);
        for (value, format) in [
            ("1".to_owned(), TraceFormat::B3),
            ("d".to_owned(), TraceFormat::B3),
            (format!("{zero}-e457b5a2e4d86bd1"), TraceFormat::B3),
            ("80f198ee56343ba8-0000000000000000".to_owned(), TraceFormat::B3),
            ("a:b:c".to_owned(), TraceFormat::Jaeger),
            ("0:1:0:1".to_owned(), TraceFormat::Jaeger),
            (format!("{}:1:0:1", "f".repeat(33)), TraceFormat::Jaeger),
            ("Root=1-80f198ee-56343ba864fe8b2a57d3eff7".to_owned(), TraceFormat::XRay),
            ("x".repeat(29), TraceFormat::Binary),
            ("80f198ee56343ba864fe8b2a57d3eff7/x".to_owned(), TraceFormat::GoogleCloud),
            ("é".repeat(4000), TraceFormat::Sw8),
        ] {
            assert_eq!(read(value.as_bytes(), format), None, "{value}");
        }
    }

    #[test]
    fn datadog_writes_halves() {
        assert_eq!(datadog_tid(b"_dd.p.dm=-4,_dd.p.tid=640cfd8d00000000"), Some(0x640c_fd8d_0000_0000));
        assert_eq!(datadog_tid(b"_dd.p.tid=640"), None);
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
    }
}

//! From bytes to values: text, numbers, ids. Total: what cannot be read is an answer too.

use super::json::unescape;
use super::row::{Encoding, TraceFormat};
use super::trace::sw8_service;
use crate::event::{HashKey, Identifier, Span, Spelling, TraceContext};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Longer ids are no ids: the longest that frameworks write are a few hundred bytes, and each is kept in memory.
pub const MAX_ID_BYTES: usize = 1024;

/// Longest text that is put behind a prefix: names, which are cut further where they are kept.
const MAX_PREFIXED_BYTES: usize = 1024;

/// Longest text that is unescaped: an escape takes up to six bytes for one.
const MAX_ESCAPED_BYTES: usize = 6 * MAX_ID_BYTES;

/// A value as it was written, before its escapes are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a> {
    /// The bytes, without quotes.
    pub bytes: &'a [u8],
    /// Whether JSON escapes have to be undone.
    pub escaped: bool,
}

impl<'a> Raw<'a> {
    /// A header value. Spring writes every header that is no `String` as a JSON string: the quotes go.
    pub fn of_header(value: &'a [u8]) -> Self {
        match value {
            [b'"', inner @ .., b'"'] => Self { bytes: inner, escaped: inner.contains(&b'\\') },
            bytes => Self { bytes, escaped: false },
        }
    }

    /// The text, cut where no limit of ours would read on.
    pub fn text(self) -> Cow<'a, [u8]> {
        if self.escaped { unescape(&self.bytes[..self.bytes.len().min(MAX_ESCAPED_BYTES)]) } else { self.bytes.into() }
    }
}

/// The bytes that `text` stands for in Base64, padded or not.
pub fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// Whether [`is_wrapped`] can hold: most values are of another length.
#[inline]
pub fn may_be_wrapped(value: &[u8]) -> bool {
    matches!(value.len(), 48 | 76) || value.ends_with(b"=")
}

/// True when a header value is certainly written in Base64, as MirrorMaker 2 on a plain Connect cluster writes them all
/// (`SimpleHeaderConverter`): it is nothing in its own encoding and something in that one.
pub fn is_wrapped(value: &[u8], encoding: &Encoding) -> bool {
    match encoding {
        // 55 bytes of a `traceparent` of version 00, and the 36 of a UUID.
        Encoding::Trace(TraceFormat::TraceParent) => value.len() == 76 && value.starts_with(b"MDAt"),
        Encoding::Text => value.len() == 48 && from_base64(value).is_some_and(|bytes| is_uuid(&bytes)),
        Encoding::Number | Encoding::NextNumber => {
            let padded = value.ends_with(b"=") && number(Raw { bytes: value, escaped: false }).is_none();
            padded && from_base64(value).is_some_and(|b| number(Raw { bytes: &b, escaped: false }).is_some())
        }
        _ => false,
    }
}

/// True for the 36 characters of a UUID.
pub fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36 && Identifier::parse(text, &HashKey([0; 16])).spelling != Spelling::Text
}

/// Valid UTF-8 without control characters; `None` for binary.
fn plain(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.bytes().any(|byte| byte.is_ascii_control()))
}

/// An integer in decimal digits, or big-endian in 1 to 8 bytes. Several bytes that are all printable are text: read as
/// binary they would be no plausible partition, offset or time.
pub fn number(raw: Raw<'_>) -> Option<i64> {
    let bytes = raw.bytes;
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(bytes).ok()?.parse().ok();
    }
    let printable = bytes.len() > 1 && bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    (!printable && (1..=8).contains(&bytes.len())).then(|| {
        let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1i64 };
        bytes.iter().fold(sign, |value, &byte| value << 8 | i64::from(byte))
    })
}

/// The id that `raw` stands for. `None` when it is empty, too long or neither text nor a binary id.
///
/// 16 raw bytes are a UUID; 4 and 8 are an integer, written out.
pub fn identifier<'a>(raw: Raw<'a>, key: &HashKey) -> Option<(Identifier, Cow<'a, str>)> {
    if raw.bytes.len() == 36 && !raw.escaped {
        let id = Identifier::parse(raw.bytes, key);
        if id.spelling != Spelling::Text {
            return Some((id, Cow::Borrowed("")));
        }
    }
    let text = raw.text();
    let bytes = text.trim_ascii();
    if bytes.is_empty() || bytes.len() > MAX_ID_BYTES {
        return None;
    }
    if matches!(bytes.len(), 32 | 36) {
        let id = Identifier::parse(bytes, key);
        if id.spelling != Spelling::Text {
            return Some((id, Cow::Borrowed("")));
        }
    }
    // Some frameworks put a `traceparent` under a name that others use for a parent's id.
    if bytes.len() == 55 && TraceContext::parse(bytes).is_some() {
        return None;
    }
    let owned = |text: String| Some((Identifier::parse(text.as_bytes(), key), Cow::Owned(text)));
    if plain(bytes).is_none() {
        return match *raw.bytes {
            [..] if raw.bytes.len() == 16 => {
                Some((Identifier::from_bytes(raw.bytes.try_into().ok()?), Cow::Borrowed("")))
            }
            [..] if matches!(raw.bytes.len(), 4 | 8) => owned(number(raw)?.to_string()),
            _ => None,
        };
    }
    match text {
        Cow::Borrowed(bytes) => {
            let text = plain(bytes.trim_ascii())?;
            Some((Identifier::parse(text.as_bytes(), key), Cow::Borrowed(text)))
        }
        Cow::Owned(bytes) => owned(plain(bytes.trim_ascii())?.to_owned()),
    }
}

/// Stores the text of an id that is not its own value.
pub fn keep(arena: &mut crate::event::Arena, id: &Identifier, text: &str) -> Span {
    if id.spelling == Spelling::Text { arena.push(text) } else { Span::default() }
}

/// A text field as its encoding says; empty where it says nothing.
pub fn field<'a>(raw: Raw<'a>, encoding: &Encoding) -> Cow<'a, [u8]> {
    let text = raw.text();
    match encoding {
        Encoding::Prefixed(prefix) => {
            let shown = &text[..text.len().min(MAX_PREFIXED_BYTES)];
            Cow::Owned([prefix.as_bytes(), shown].concat())
        }
        Encoding::Before(mark) => part(text, |text| {
            let end = find(text, mark.as_bytes()).unwrap_or(0);
            // A class or code is one word: what stands before the mark in a sentence is none.
            let word = text[..end].iter().all(|byte| byte.is_ascii_alphanumeric() || b"._$:+`-".contains(byte));
            0..if word { end } else { 0 }
        }),
        Encoding::After(mark) => part(text, |text| {
            let start = find(text, mark.as_bytes()).map_or(0, |at| at + mark.len());
            start..text.len()
        }),
        Encoding::UriEnd => part(text, |text| {
            let start = text.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
            start..text.iter().position(|byte| *byte == b'?').unwrap_or(text.len()).max(start)
        }),
        Encoding::Base64 => from_base64(&text).map_or(text, Cow::Owned),
        Encoding::Sw8Service => Cow::Owned(sw8_service(&text).unwrap_or_default()),
        _ => text,
    }
}

fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, mark)
}

fn part<'a>(text: Cow<'a, [u8]>, of: impl FnOnce(&[u8]) -> std::ops::Range<usize>) -> Cow<'a, [u8]> {
    let range = of(&text);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: HashKey = HashKey([9; 16]);

    fn raw(value: &[u8]) -> Raw<'_> {
        Raw::of_header(value)
    }

    fn shown(value: &[u8]) -> Option<String> {
        identifier(raw(value), &KEY).map(|(id, text)| id.text().unwrap_or_else(|| text.into_owned()))
    }

    #[test]
    fn numbers_are_text_or_big_endian() {
        assert_eq!(number(raw(b"42")), Some(42));
        assert_eq!(number(raw(b"-1")), Some(-1));
        assert_eq!(number(raw(&[0, 0, 0, 2])), Some(2));
        assert_eq!(number(raw(&[0, 0, 0, 0, 0, 0, 1, 0])), Some(256));
        assert_eq!(number(raw(&[0xff, 0xff])), Some(-1));
        assert_eq!(number(raw(&[1, 0xa1, 0xfb, 0xe9, 0x72, 4])), Some(0x1a1_fbe9_7204));
        assert_eq!(number(raw(b"1234")), Some(1234), "four digits are text");
        assert_eq!(number(raw(b"!")), Some(33), "one byte is a count");
        for odd in [&b""[..], b"12345678901234567890", b"123456789x", b"one", &[0; 9]] {
            assert_eq!(number(raw(odd)), None, "{odd:?}");
        }
    }

    #[test]
    fn ids_are_unquoted_and_binary_ones_read() {
        let uuid = "8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e";
        assert_eq!(shown(uuid.as_bytes()).as_deref(), Some(uuid));
        assert_eq!(shown(format!("\"{uuid}\"").as_bytes()).as_deref(), Some(uuid));
        assert_eq!(shown(br#""a\/b""#).as_deref(), Some("a/b"));
        assert_eq!(shown(b" order-1 ").as_deref(), Some("order-1"));
        let bytes = [0x8b, 0x3e, 0x2f, 0x44, 0x0c, 0x1d, 0x4a, 0x6f, 0x9b, 0x1e, 0x2f, 0x3a, 0x4b, 0x5c, 0x6d, 0x7e];
        assert_eq!(shown(&bytes).as_deref(), Some(uuid));
        assert_eq!(shown(&[0, 0, 0, 7]).as_deref(), Some("7"));
    }

    #[test]
    fn what_is_no_id_is_none() {
        let long = vec![b'x'; MAX_ID_BYTES + 1];
        let trace = b"00-c69e4ece59870be786297fa079ad61a5-a387eade1273b3f8-03";
        for value in [&b""[..], b"  ", b"\"\"", &long, &[0xff; 5], trace] {
            assert_eq!(shown(value), None, "{value:?}");
        }
        assert!(shown(&long[1..]).is_some());
    }
}

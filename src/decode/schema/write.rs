//! JSON text, written from the front into a buffer that grows to its limit and no further.

use super::{MAX_JSON_BYTES, Unreadable};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::{self, Display, Write};

/// Bytes that are encoded at a time: a multiple of three, so that the parts fit together.
const BASE64_PART: usize = 768;

/// JSON behind what a buffer held.
#[derive(Debug)]
pub struct JsonText<'a> {
    into: &'a mut Vec<u8>,
    end: usize,
}

impl<'a> JsonText<'a> {
    pub fn new(into: &'a mut Vec<u8>) -> Self {
        let end = into.len() + MAX_JSON_BYTES;
        Self { into, end }
    }

    /// JSON as it is. Of what is too long, the part that fits is written.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let room = self.end.saturating_sub(self.into.len());
        self.into.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(Unreadable::TooLarge) } else { Ok(()) }
    }

    /// A comma, unless `first`, which it then is no more.
    pub fn comma(&mut self, first: &mut bool) -> Result<(), Unreadable> {
        if std::mem::take(first) { Ok(()) } else { self.put(b",") }
    }

    /// Something that shows as JSON.
    pub fn show(&mut self, value: impl Display) -> Result<(), Unreadable> {
        write!(self, "{value}").map_err(|_| Unreadable::TooLarge)
    }

    /// A number; JSON has none for what is not finite.
    pub fn float(&mut self, value: f64) -> Result<(), Unreadable> {
        if value.is_finite() { self.show(format_args!("{value:?}")) } else { self.put(b"null") }
    }

    /// A string with quotes and escapes. Bytes that are no UTF-8 become U+FFFD.
    pub fn text(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        self.put(b"\"")?;
        for chunk in bytes.utf8_chunks() {
            let mut plain = chunk.valid().as_bytes();
            while let Some(at) = plain.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
                self.put(&plain[..at])?;
                match plain[at] {
                    quoted @ (b'"' | b'\\') => self.put(&[b'\\', quoted])?,
                    control => self.show(format_args!("\\u{control:04x}"))?,
                }
                plain = &plain[at + 1..];
            }
            self.put(plain)?;
            if !chunk.invalid().is_empty() {
                self.put("\u{fffd}".as_bytes())?;
            }
        }
        self.put(b"\"")
    }

    /// Bytes as a string in base 64.
    pub fn base64(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        self.put(b"\"")?;
        for part in bytes.chunks(BASE64_PART) {
            self.put(STANDARD.encode(part).as_bytes())?;
        }
        self.put(b"\"")
    }

    /// A UUID as a string.
    pub fn uuid(&mut self, bytes: [u8; 16]) -> Result<(), Unreadable> {
        let hex = format!("{:032x}", u128::from_be_bytes(bytes));
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        self.show(format_args!("\"{}\"", parts.join("-")))
    }

    /// A time as RFC 3339, or the number `raw` where the calendar has no such time.
    pub fn time(&mut self, nanos: i128, raw: i64) -> Result<(), Unreadable> {
        match jiff::Timestamp::from_nanosecond(nanos) {
            Ok(time) => self.show(format_args!("\"{time}\"")),
            Err(_) => self.show(raw),
        }
    }
}

impl Write for JsonText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// The member name `name` with its colon, as JSON.
pub fn label(name: &str) -> Box<[u8]> {
    let mut label = Vec::with_capacity(name.len() + 3);
    // A name of a schema is far below the limit of a body.
    let _ = JsonText::new(&mut label).text(name.as_bytes());
    label.push(b':');
    label.into()
}

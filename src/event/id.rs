//! Ids of fixed width: what producers write as text, kept as two 64-bit numbers.

use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128, SipHasher13 as SipHasher13x128};
use std::hash::Hasher;

/// Key of a keyed hash. Ids and keys come from outside, so an unkeyed hash could be flooded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashKey(pub [u8; 16]);

impl HashKey {
    /// 64 bits of SipHash-1-3 over `bytes`.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(bytes);
        hasher.finish()
    }

    /// 128 bits of SipHash-1-3 over `bytes`.
    pub fn hash128(&self, bytes: &[u8]) -> (u64, u64) {
        let mut hasher = SipHasher13x128::new_with_key(&self.0);
        hasher.write(bytes);
        let hash = hasher.finish128();
        (hash.h1, hash.h2)
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(..)")
    }
}

/// How an id was written, so that it can be shown again as its producer wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Spelling {
    /// Any text; the value is its keyed 128-bit hash and the text is kept beside it.
    Text = 0,
    /// `8-4-4-4-12` lower-case hexadecimal digits.
    Uuid = 1,
    /// `8-4-4-4-12` upper-case hexadecimal digits.
    UuidUpper = 2,
    /// 32 lower-case hexadecimal digits.
    Hex = 3,
}

impl Spelling {
    /// The spelling that `number` stands for in the database; unknown numbers read as text.
    pub const fn from_number(number: u8) -> Self {
        match number & 3 {
            1 => Self::Uuid,
            2 => Self::UuidUpper,
            3 => Self::Hex,
            _ => Self::Text,
        }
    }
}

/// An id of fixed width. Two ids are the same when their values are: `A0EE…` names what `a0ee…` names.
#[derive(Debug, Clone, Copy)]
pub struct Identifier {
    /// Upper 64 bits.
    pub hi: u64,
    /// Lower 64 bits.
    pub lo: u64,
    /// How it was written.
    pub spelling: Spelling,
}

impl PartialEq for Identifier {
    fn eq(&self, other: &Self) -> bool {
        (self.hi, self.lo) == (other.hi, other.lo)
    }
}
impl Eq for Identifier {}

impl Identifier {
    /// Reads an id from its text. UUIDs and 32 hex digits are their own value; all else is hashed under `key`.
    pub fn parse(text: &[u8], key: &HashKey) -> Self {
        match Self::fixed(text) {
            Some(id) => id,
            None => {
                let (hi, lo) = key.hash128(text);
                Self { hi, lo, spelling: Spelling::Text }
            }
        }
    }

    /// From the 16 bytes of a binary UUID.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let value = u128::from_be_bytes(bytes);
        Self { hi: (value >> 64) as u64, lo: value as u64, spelling: Spelling::Uuid }
    }

    fn fixed(text: &[u8]) -> Option<Self> {
        let (words, spelling) = match text.len() {
            36 => (uuid_words(text)?, Spelling::Uuid),
            32 => ([0, 8, 16, 24].map(|at| word(text, at)), Spelling::Hex),
            _ => return None,
        };
        let ((hi, lo), spelling) = match hex32::<LOWER>(words) {
            Some(value) => (value, spelling),
            None if spelling == Spelling::Uuid => (hex32::<UPPER>(words)?, Spelling::UuidUpper),
            None => return None,
        };
        Some(Self { hi, lo, spelling })
    }

    /// The id as what a request shares with its reply: other records may carry the same value as an id of their own.
    pub const fn as_request(self) -> Self {
        Self { hi: self.hi ^ 0x7265_7175_6573_7401, lo: self.lo ^ 0x7265_706c_7901_0101, spelling: self.spelling }
    }

    /// The text of an id that is its own value; `None` for [`Spelling::Text`].
    pub fn text(&self) -> Option<String> {
        let (hi, lo) = (self.hi, self.lo);
        let uuid = || {
            format!(
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                hi >> 32,
                (hi >> 16) & 0xffff,
                hi & 0xffff,
                lo >> 48,
                lo & 0xffff_ffff_ffff
            )
        };
        match self.spelling {
            Spelling::Text => None,
            Spelling::Uuid => Some(uuid()),
            Spelling::UuidUpper => Some(uuid().to_uppercase()),
            Spelling::Hex => Some(format!("{hi:016x}{lo:016x}")),
        }
    }
}

/// What lies between the high half of a digit's code and that of a letter: `0x30` to `0x60` or to `0x40`.
const LOWER: u64 = 0x30;
const UPPER: u64 = 0x10;

/// The same byte eight times.
const fn all(byte: u64) -> u64 {
    byte * 0x0101_0101_0101_0101
}

/// Eight hexadecimal digits at once, and bits that are zero only when all are digits. Two ids and a trace are over a
/// hundred digits a record: one by one they would cost more than everything else that is read from it.
#[inline(always)]
const fn hex8<const LETTERS: u64>(text: u64) -> (u64, u64) {
    let letter = (text >> 6) & all(1);
    let low = text ^ (all(0x30) + letter * LETTERS);
    let above = low.wrapping_add(all(6) + letter * 3) & all(0xf0);
    let zero = !low.wrapping_add(all(15)) & (letter << 4);
    let bad = (low & all(0xf0)) | above | zero | (text & all(0x80));
    let value = (low & all(15)).wrapping_add(letter * 9);
    let value = (value | value >> 4) & 0x00ff_00ff_00ff_00ff;
    let value = (value | value >> 8) & 0x0000_ffff_0000_ffff;
    ((value | value >> 16) & 0xffff_ffff, bad)
}

/// The eight bytes of `text` from `at` on, the first one highest; zero beyond the end, which is no digit.
fn word(text: &[u8], at: usize) -> u64 {
    text.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The value of two words of eight digits each.
#[inline(always)]
fn hex16<const LETTERS: u64>(high: u64, low: u64) -> (u64, u64) {
    let (high, bad) = hex8::<LETTERS>(high);
    let (low, worse) = hex8::<LETTERS>(low);
    (high << 32 | low, bad | worse)
}

/// The value of four words of eight digits each.
#[inline(always)]
fn hex32<const LETTERS: u64>([a, b, c, d]: [u64; 4]) -> Option<(u64, u64)> {
    let (high, bad) = hex16::<LETTERS>(a, b);
    let (low, worse) = hex16::<LETTERS>(c, d);
    (bad | worse == 0).then_some((high, low))
}

/// Two lower-case hexadecimal digits.
fn hex2(high: u8, low: u8) -> Option<u8> {
    let text = u64::from(u16::from_be_bytes([high, low]));
    let (value, bad) = hex8::<LOWER>(all(0x30) << 16 | text);
    (bad == 0).then_some(value as u8)
}

/// The digits of `8-4-4-4-12`, which may be digits or not, without its dashes.
fn uuid_words(text: &[u8]) -> Option<[u64; 4]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if [text[8], text[13], text[18], text[23]] != [b'-'; 4] {
        return None;
    }
    // Both halves of a word that a dash parts, put together in registers: through memory the processor would wait.
    let parted = |at| word(text, at) & 0xffff_ffff_0000_0000 | word(text, at + 5) >> 32;
    Some([word(text, 0), parted(9), parted(19), word(text, 28)])
}

/// W3C Trace Context as a record carries it: the trace, and the span of whoever *sent* the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// Upper 64 bits of the trace id.
    pub trace_hi: u64,
    /// Lower 64 bits of the trace id.
    pub trace_lo: u64,
    /// `parent-id` of the header: the sender's span.
    pub parent_id: u64,
}

impl TraceContext {
    /// The trace id as an id among others.
    pub const fn identifier(self) -> Identifier {
        Identifier { hi: self.trace_hi, lo: self.trace_lo, spelling: Spelling::Hex }
    }

    /// Reads a `traceparent` value by the rules of W3C Trace Context level 2, section 3.2.
    ///
    /// Surrounding blanks are trimmed. Upper-case digits, version `ff`, all-zero ids and a version 00 value of any
    /// other length than 55 are invalid; a later version may carry more after a fourth `-`.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        if value.len() < 55 || value[2] != b'-' || value[35] != b'-' || value[52] != b'-' {
            return None;
        }
        let version = hex2(value[0], value[1])?;
        let later = value.len() == 55 || value[55] == b'-';
        if version == 0xff || (version == 0 && value.len() != 55) || !later {
            return None;
        }
        let (trace_hi, trace_lo) = hex32::<LOWER>([3, 11, 19, 27].map(|at| word(value, at)))?;
        let (parent_id, bad) = hex16::<LOWER>(word(value, 36), word(value, 44));
        hex2(value[53], value[54])?;
        (bad == 0 && trace_hi | trace_lo != 0 && parent_id != 0).then_some(Self { trace_hi, trace_lo, parent_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: HashKey = HashKey([7; 16]);

    #[test]
    fn an_id_is_shown_as_it_was_written() {
        for text in [
            "8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e",
            "8B3E2F44-0C1D-4A6F-9B1E-2F3A4B5C6D7E",
            "8b3e2f440c1d4a6f9b1e2f3a4b5c6d7e",
        ] {
            assert_eq!(Identifier::parse(text.as_bytes(), &KEY).text().as_deref(), Some(text));
        }
        assert_eq!(Identifier::parse(b"order-4711", &KEY).text(), None);
    }

    #[test]
    fn one_value_is_one_id_however_it_is_spelt() {
        let lower = Identifier::parse(b"8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e", &KEY);
        let upper = Identifier::parse(b"8B3E2F44-0C1D-4A6F-9B1E-2F3A4B5C6D7E", &KEY);
        assert_eq!(lower, upper);
        assert_ne!(Identifier::parse(b"a", &KEY), Identifier::parse(b"b", &KEY));
        assert_ne!(Identifier::parse(b"a", &KEY), Identifier::parse(b"a", &HashKey([8; 16])));
    }

    #[test]
    fn traceparent_follows_the_w3c_rules() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(good.as_bytes()).unwrap();
        assert_eq!(context.parent_id, 0x00f0_67aa_0ba9_02b7);
        assert!(TraceContext::parse(format!(" {good}\t").as_bytes()).is_some());
        assert!(TraceContext::parse(good.replacen("00", "cc", 1).as_bytes()).is_some());
        assert!(TraceContext::parse(format!("cc{}-what-the-future", &good[2..]).as_bytes()).is_some());
        for bad in [
            format!("{good}-01"),
            good.to_uppercase(),
            good.replacen("00", "ff", 1),
            format!("cc{}.x", &good[2..]),
            good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            good[..54].to_owned(),
            String::new(),
        ] {
            assert_eq!(TraceContext::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn every_byte_is_a_digit_or_is_not() {
        fn check<const LETTERS: u64>(valid: fn(u8) -> bool) {
            for (byte, at) in (0..=255u8).flat_map(|byte| (0..32).map(move |at| (byte, at))) {
                let mut text = [b'0'; 32];
                text[at] = byte;
                let digit = valid(byte).then(|| (byte as char).to_digit(16)).flatten();
                let expected = digit.map(|digit| u128::from(digit) << (4 * (31 - at)));
                let value = hex32::<LETTERS>([0, 8, 16, 24].map(|at| word(&text, at)));
                let value = value.map(|(hi, lo)| u128::from(hi) << 64 | u128::from(lo));
                assert_eq!(value, expected, "{byte:#x} at {at}");
            }
        }
        check::<LOWER>(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        check::<UPPER>(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    }
}

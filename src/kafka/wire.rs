//! Bytes read front to back; every length is checked against the bytes that are left.

/// What is still to be read. All readers give `None` at the end or on a form that cannot be, and never panic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline(always)]
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next `length` bytes, or as many as there are.
    pub(super) fn take_up_to(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    #[inline]
    pub(super) fn i8(&mut self) -> Option<i8> {
        self.array().map(i8::from_be_bytes)
    }

    #[inline]
    pub(super) fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    #[inline]
    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    #[inline]
    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// An unsigned varint of at most ten bytes.
    #[inline(always)]
    pub(super) fn unsigned_varint(&mut self) -> Option<u64> {
        match *self.rest {
            [a, ref rest @ ..] if a < 0x80 => {
                self.rest = rest;
                Some(u64::from(a))
            }
            [a, b, ref rest @ ..] if b < 0x80 => {
                self.rest = rest;
                Some(u64::from(a & 0x7f) | u64::from(b) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Some(value);
            }
        }
        None
    }

    /// A zigzag varint, as record fields use it.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> Option<i64> {
        let raw = self.unsigned_varint()?;
        Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// Bytes under a zigzag varint length; the inner `None` is Kafka's null.
    #[inline(always)]
    pub(super) fn nullable_bytes(&mut self) -> Option<Option<&'a [u8]>> {
        let length = self.varint()?;
        if length < 0 {
            return Some(None);
        }
        self.take(usize::try_from(length).ok()?).map(Some)
    }

    /// A length or count of the protocol: compact (varint, plus one) when `flexible`, else 32 bits; null reads as 0.
    pub(super) fn length(&mut self, flexible: bool) -> Option<usize> {
        if flexible {
            usize::try_from(self.unsigned_varint()?.saturating_sub(1)).ok()
        } else {
            Some(usize::try_from(self.i32()?).unwrap_or(0))
        }
    }

    /// Skips the tagged fields of a flexible version (KIP-482).
    pub(super) fn skip_tags(&mut self, flexible: bool) -> Option<()> {
        if flexible {
            for _ in 0..self.unsigned_varint()? {
                self.unsigned_varint()?;
                let length = self.unsigned_varint()?;
                self.take(usize::try_from(length).ok()?)?;
            }
        }
        Some(())
    }
}

/// Appends an unsigned varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

//! Binary input, read from the front.

use super::Unreadable;

/// Bytes of a 64-bit number in base 128.
const MAX_VARINT_BYTES: usize = 10;

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: u64) -> Result<&'a [u8], Unreadable> {
        let length = usize::try_from(length).map_err(|_| Unreadable::Malformed)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Unreadable::Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A number in base 128, the lowest digit first.
    pub fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0;
        for (at, &byte) in self.0.iter().take(MAX_VARINT_BYTES).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return Ok(value);
            }
        }
        Err(Unreadable::Malformed)
    }

    /// A number in base 128 whose lowest bit is its sign.
    pub fn zigzag(&mut self) -> Result<i64, Unreadable> {
        self.varint().map(unzigzag)
    }

    /// Bytes behind their length, which is written as Avro writes numbers.
    pub fn counted(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = u64::try_from(self.zigzag()?).map_err(|_| Unreadable::Malformed)?;
        self.take(length)
    }
}

/// The signed number that a zigzag number stands for.
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

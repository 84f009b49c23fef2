//! Header names seen lately, as they were written: a topic repeats the same few on every record.

use super::compiled::TABLE;
use super::names::{Folded, MAX_NAME_BYTES};

/// Names remembered. A cluster writes a few dozen; two that fall together only cost a look into the table.
const SLOTS: usize = 256;

#[derive(Debug, Clone, Default)]
struct Remembered {
    name: Vec<u8>,
    rows: Vec<u16>,
}

/// Which rows a header name leads to, without folding it again.
#[derive(Debug)]
pub struct Memory {
    slots: Vec<Remembered>,
}

impl Memory {
    /// Remembers nothing but the empty name, which leads nowhere.
    pub fn new() -> Self {
        Self { slots: vec![Remembered::default(); SLOTS] }
    }

    /// Where the rows of `name` are kept until the next call.
    pub fn recall(&mut self, name: &[u8]) -> usize {
        let at = slot(name);
        let slot = &mut self.slots[at];
        if slot.name != name {
            slot.name.clear();
            slot.rows.clear();
            // A name too long to be known is not kept either: it leads nowhere each time.
            if name.len() <= MAX_NAME_BYTES {
                slot.name.extend_from_slice(name);
                slot.rows.extend(look_up(name));
            }
        }
        at
    }

    /// The rows that [`Memory::recall`] found.
    pub fn rows(&self, at: usize) -> &[u16] {
        &self.slots[at].rows
    }
}

/// Spreads names by length and ends: enough for the names that people write.
fn slot(name: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let short = || name.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    let ends =
        if name.len() < 8 { short() } else { word(name.first_chunk()).rotate_left(29) ^ word(name.last_chunk()) };
    let mixed = (ends ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % SLOTS
}

fn look_up(name: &[u8]) -> impl Iterator<Item = u16> {
    let entry = Folded::new(name).and_then(|folded| TABLE.headers.find(&folded));
    let spelled = move |exact: Option<&str>| exact.is_none_or(|exact| name.eq_ignore_ascii_case(exact.as_bytes()));
    let candidates = entry.map(|entry| entry.candidates.iter()).into_iter().flatten();
    candidates.filter(move |candidate| spelled(candidate.exact)).map(|candidate| candidate.row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_a_slot_do_not_share_rows() {
        let mut memory = Memory::new();
        let names: Vec<String> =
            (0..3 * SLOTS).map(|n| format!("x-name-{n}")).chain(["".into(), "x".repeat(99)]).collect();
        for _ in 0..2 {
            for name in &names {
                let at = memory.recall(name.as_bytes());
                assert_eq!(memory.rows(at), [0u16; 0], "{name}");
            }
            for name in ["traceparent", "message-id", "Message_Id", "ce_id"] {
                let at = memory.recall(name.as_bytes());
                assert_eq!(memory.rows(at).len(), 1, "{name}");
            }
            let at = memory.recall(b"ceid");
            assert_eq!(memory.rows(at), [0u16; 0], "punctuation matters here");
        }
    }
}

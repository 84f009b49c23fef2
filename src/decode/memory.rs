//! Names seen lately, as they were written: a topic repeats the same few on every record.

use super::compiled::TABLE;
use super::names::{Entry, Folded, MAX_NAME_BYTES};

/// Names remembered. A cluster writes a few dozen; two that fall together only cost a look into the table.
const SLOTS: usize = 256;

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// In the headers.
    #[default]
    Headers,
    /// In the body, at the top.
    Body,
    /// In the body, in the member of this number.
    Member(u16),
}

#[derive(Debug, Clone, Default)]
struct Remembered {
    place: Place,
    name: Vec<u8>,
    rows: Vec<u16>,
    parent: Option<u16>,
}

/// Which rows a name leads to, without folding it again.
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
    pub fn recall(&mut self, place: Place, name: &[u8]) -> usize {
        let at = slot(place, name);
        let slot = &mut self.slots[at];
        if slot.name != name || slot.place != place {
            // A name too long to be known is not kept: it leads nowhere each time.
            let kept = if name.len() <= MAX_NAME_BYTES { name } else { &[] };
            slot.name.clear();
            slot.name.extend_from_slice(kept);
            slot.place = place;
            slot.rows.clear();
            slot.parent = None;
            if let Some((number, entry)) = look_up(place, kept) {
                slot.rows.extend(rows(entry, name));
                slot.parent = (entry.parent && place == Place::Body).then_some(number);
            }
        }
        at
    }

    /// The rows that [`Memory::recall`] found.
    pub fn rows(&self, at: usize) -> &[u16] {
        &self.slots[at].rows
    }

    /// The number under which rows know the members of the name that [`Memory::recall`] found.
    pub fn parent(&self, at: usize) -> Option<u16> {
        self.slots[at].parent
    }
}

/// Spreads names by place, length and ends: enough for the names that people write.
fn slot(place: Place, name: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let ends = if name.len() < 8 {
        name.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte))
    } else {
        word(name.first_chunk()).rotate_left(29) ^ word(name.last_chunk())
    };
    let place = match place {
        Place::Headers => 0,
        Place::Body => 1,
        Place::Member(number) => 2 + u64::from(number),
    };
    let mixed = (ends ^ place << 8 ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % SLOTS
}

fn look_up(place: Place, name: &[u8]) -> Option<(u16, &'static Entry)> {
    match place {
        Place::Headers => TABLE.headers.find(&Folded::new(name)?),
        Place::Body => TABLE.members.find(&Folded::new(name)?),
        Place::Member(number) => TABLE.members.find(&TABLE.members.name(number)?.member(name)?),
    }
}

fn rows(entry: &Entry, name: &[u8]) -> impl Iterator<Item = u16> {
    let spelled = |exact: Option<&str>| exact.is_none_or(|exact| name.eq_ignore_ascii_case(exact.as_bytes()));
    entry.candidates.iter().filter(move |candidate| spelled(candidate.exact)).map(|candidate| candidate.row)
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
                let at = memory.recall(Place::Headers, name.as_bytes());
                assert_eq!(memory.rows(at), [0u16; 0], "{name}");
            }
            for name in ["traceparent", "message-id", "Message_Id", "ce_id"] {
                let at = memory.recall(Place::Headers, name.as_bytes());
                assert_eq!(memory.rows(at).len(), 1, "{name}");
            }
            let at = memory.recall(Place::Headers, b"ceid");
            assert_eq!(memory.rows(at), [0u16; 0], "punctuation matters here");
        }
    }

    #[test]
    fn the_same_name_leads_elsewhere_in_another_place() {
        let mut memory = Memory::new();
        let header = memory.recall(Place::Headers, b"data");
        assert_eq!((memory.rows(header), memory.parent(header)), (&[][..], None));
        let data = memory.recall(Place::Body, b"data");
        assert!(!memory.rows(data).is_empty());
        let metadata = memory.recall(Place::Body, b"meta_Data");
        let parent = memory.parent(metadata).unwrap();
        let kind = memory.recall(Place::Member(parent), b"eventType");
        assert_eq!(memory.rows(kind).len(), 1);
        let deeper = memory.recall(Place::Member(parent), b"metadata");
        assert_eq!((memory.rows(deeper), memory.parent(deeper)), (&[][..], None));
    }
}

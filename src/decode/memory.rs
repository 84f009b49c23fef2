//! Names seen lately, as they were written: a topic repeats the same few on every record.

use super::names::{Entry, MAX_NAME_BYTES, NameIndex, Place};

/// Names remembered. A cluster writes a few dozen; two that fall together only cost a look into the table.
const SLOTS: usize = 256;

#[derive(Debug, Clone, Default)]
struct Remembered {
    place: Place,
    name: Vec<u8>,
    rows: Vec<u16>,
    members: Option<Place>,
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

    /// Where what `names` holds of `name` is kept until the next call.
    pub fn recall(&mut self, names: &NameIndex, place: Place, name: &[u8]) -> usize {
        let at = slot(place, name);
        let slot = &mut self.slots[at];
        if slot.name != name || slot.place != place {
            // A name too long to be known is not kept: it leads nowhere each time.
            let kept = if name.len() <= MAX_NAME_BYTES { name } else { &[] };
            slot.name.clear();
            slot.name.extend_from_slice(kept);
            slot.place = place;
            slot.rows.clear();
            slot.members = None;
            if let Some(entry) = names.find(place, kept) {
                slot.rows.extend(rows(entry, name));
                slot.members = entry.members;
            }
        }
        at
    }

    /// The rows that [`Memory::recall`] found.
    pub fn rows(&self, at: usize) -> &[u16] {
        &self.slots[at].rows
    }

    /// The place of the members of the name that [`Memory::recall`] found, where rows know any.
    pub fn members(&self, at: usize) -> Option<Place> {
        self.slots[at].members
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
    let mixed = (ends ^ u64::from(place.0) << 8 ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % SLOTS
}

fn rows(entry: &Entry, name: &[u8]) -> impl Iterator<Item = u16> {
    let spelled = |exact: Option<&str>| exact.is_none_or(|exact| name.eq_ignore_ascii_case(exact.as_bytes()));
    entry.candidates.iter().filter(move |candidate| spelled(candidate.exact.as_deref())).map(|candidate| candidate.row)
}

#[cfg(test)]
mod tests {
    use super::super::names::Candidate;
    use super::*;

    fn index() -> NameIndex {
        let mut index = NameIndex::new();
        index.add(Place::HEADERS, "message-id", Candidate { row: 1, exact: None });
        index.add(Place::HEADERS, "ce_id", Candidate { row: 2, exact: Some("ce_id".into()) });
        let metadata = index.enter(Place::BODY, "metadata").unwrap();
        index.add(metadata, "type", Candidate { row: 3, exact: None });
        index.build()
    }

    #[test]
    fn names_that_share_a_slot_do_not_share_rows() {
        let (index, mut memory) = (index(), Memory::new());
        let names: Vec<String> =
            (0..3 * SLOTS).map(|n| format!("x-name-{n}")).chain(["".into(), "x".repeat(99)]).collect();
        for _ in 0..2 {
            for name in &names {
                let at = memory.recall(&index, Place::HEADERS, name.as_bytes());
                assert_eq!(memory.rows(at), [0u16; 0], "{name}");
            }
            for (name, row) in [("message-id", 1), ("Message_Id", 1), ("CE_ID", 2)] {
                let at = memory.recall(&index, Place::HEADERS, name.as_bytes());
                assert_eq!(memory.rows(at), [row], "{name}");
            }
            let at = memory.recall(&index, Place::HEADERS, b"ceid");
            assert_eq!(memory.rows(at), [0u16; 0], "punctuation matters here");
        }
    }

    #[test]
    fn the_same_name_leads_elsewhere_in_another_place() {
        let (index, mut memory) = (index(), Memory::new());
        let header = memory.recall(&index, Place::HEADERS, b"metadata");
        assert_eq!((memory.rows(header), memory.members(header)), (&[][..], None));
        let metadata = memory.recall(&index, Place::BODY, b"meta_Data");
        let members = memory.members(metadata).unwrap();
        let kind = memory.recall(&index, members, b"TYPE");
        assert_eq!(memory.rows(kind), [3]);
        let deeper = memory.recall(&index, members, b"metadata");
        assert_eq!((memory.rows(deeper), memory.members(deeper)), (&[][..], None));
    }
}

//! From a name as a record writes it to the rows that know it: one hash, one probe.

/// Longer names are in no row, so they are not looked up.
pub const MAX_NAME_BYTES: usize = 56;

/// Room for a name, in whole words for the hash.
const ROOM: usize = MAX_NAME_BYTES + 8;

/// Table slots for each name: sparse enough that a miss mostly ends at the first one.
const SLOTS_PER_NAME: usize = 8;

/// Lower case without `-`, `_` and `.`; zero stands for bytes that are left out.
const FOLD: [u8; 256] = {
    let mut fold = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        fold[byte] = match byte as u8 {
            b'-' | b'_' | b'.' => 0,
            other => other.to_ascii_lowercase(),
        };
        byte += 1;
    }
    fold
};

/// A name as it is compared: folded, and zero beyond its length.
#[derive(Debug, Clone, Copy)]
pub struct Folded {
    bytes: [u8; ROOM],
    len: usize,
}

impl Folded {
    /// Folds `name`; `None` when it is too long to be known.
    pub fn new(name: &[u8]) -> Option<Self> {
        let mut folded = Self { bytes: [0; ROOM], len: 0 };
        folded.push(name).then_some(folded)
    }

    fn push(&mut self, name: &[u8]) -> bool {
        if name.len() > MAX_NAME_BYTES {
            return false;
        }
        let mut len = 0;
        for &byte in name {
            let fold = FOLD[byte as usize];
            self.bytes[len] = fold;
            len += usize::from(fold != 0);
        }
        self.bytes[len] = 0;
        self.len = len;
        true
    }

    /// The folded name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// A hash for a table that never changes: a flood of names meets short chains all the same.
    fn hash(&self, place: Place) -> u64 {
        let mut hash = (u64::from(place.0) << 32) ^ self.len as u64;
        for word in self.bytes[..self.len.next_multiple_of(8)].chunks_exact(8) {
            let word = word.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
            hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash ^= hash >> 29;
        }
        hash
    }
}

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place(pub u16);

impl Place {
    /// In the headers.
    pub const HEADERS: Self = Self(0);
    /// In the body, at the top. Objects that the table looks into have numbers of their own.
    pub const BODY: Self = Self(1);
}

/// What a name leads to.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Number of the row.
    pub row: u16,
    /// The only spelling that counts, whatever its case; `None` when punctuation does not matter.
    pub exact: Option<Box<str>>,
}

/// What is known of a name.
#[derive(Debug)]
pub struct Entry {
    /// The rows that it leads to.
    pub candidates: Vec<Candidate>,
    /// The place of its members, where rows lead to any.
    pub members: Option<Place>,
    place: Place,
    name: Box<[u8]>,
}

/// All names of all places, built once.
#[derive(Debug)]
pub struct NameIndex {
    entries: Vec<Entry>,
    slots: Box<[u16]>,
    mask: usize,
    places: u16,
}

const FREE: u16 = u16::MAX;

impl NameIndex {
    /// No names at all.
    pub fn new() -> Self {
        Self { entries: Vec::new(), slots: [FREE].into(), mask: 0, places: Place::BODY.0 + 1 }
    }

    /// Enters `name`, which leads to `candidate`. A name too long to be looked up leads nowhere.
    pub fn add(&mut self, place: Place, name: &str, candidate: Candidate) {
        if let Some(at) = self.entry(place, name) {
            self.entries[at].candidates.push(candidate);
        }
    }

    /// The place of the members of `name`.
    pub fn enter(&mut self, place: Place, name: &str) -> Option<Place> {
        let at = self.entry(place, name)?;
        let (entry, places) = (&mut self.entries[at], &mut self.places);
        Some(*entry.members.get_or_insert_with(|| {
            *places += 1;
            Place(*places - 1)
        }))
    }

    fn entry(&mut self, place: Place, name: &str) -> Option<usize> {
        let folded = Folded::new(name.as_bytes())?;
        let known = self.entries.iter().position(|entry| entry.place == place && *entry.name == *folded.as_bytes());
        Some(known.unwrap_or_else(|| {
            let name = folded.as_bytes().into();
            self.entries.push(Entry { candidates: Vec::new(), members: None, place, name });
            self.entries.len() - 1
        }))
    }

    /// Makes the names findable.
    pub fn build(mut self) -> Self {
        let size = (self.entries.len() * SLOTS_PER_NAME).next_power_of_two();
        (self.slots, self.mask) = (vec![FREE; size].into(), size - 1);
        for (number, entry) in self.entries.iter().enumerate() {
            let Some(folded) = Folded::new(&entry.name) else { continue };
            let mut slot = folded.hash(entry.place) as usize & self.mask;
            while self.slots[slot] != FREE {
                slot = (slot + 1) & self.mask;
            }
            self.slots[slot] = number as u16;
        }
        self
    }

    /// What `name` leads to; `None` when no row knows it there.
    pub fn find(&self, place: Place, name: &[u8]) -> Option<&Entry> {
        let name = Folded::new(name)?;
        let mut slot = name.hash(place) as usize & self.mask;
        loop {
            let entry = self.entries.get(self.slots[slot] as usize)?;
            if entry.place == place && *entry.name == *name.as_bytes() {
                return Some(entry);
            }
            slot = (slot + 1) & self.mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_and_lead_to_their_rows() {
        let candidate = |row| Candidate { row, exact: None };
        let mut index = NameIndex::new();
        index.add(Place::HEADERS, "message-id", candidate(1));
        index.add(Place::HEADERS, "messageId", candidate(2));
        let metadata = index.enter(Place::BODY, "metadata").unwrap();
        index.add(metadata, "eventType", candidate(3));
        let deeper = index.enter(metadata, "eventType").unwrap();
        assert_eq!(index.enter(Place::BODY, "meta_data"), Some(metadata));
        assert_ne!(metadata, deeper);
        index.add(Place::HEADERS, &"a".repeat(MAX_NAME_BYTES + 1), candidate(4));
        let index = index.build();
        let rows = |place, name: &str| {
            let found = index.find(place, name.as_bytes());
            found.map(|entry| entry.candidates.iter().map(|c| c.row).collect::<Vec<_>>())
        };
        assert_eq!(rows(Place::HEADERS, "MESSAGE_ID"), Some(vec![1, 2]));
        assert_eq!(rows(Place::BODY, "message-id"), None, "another place");
        assert_eq!(rows(Place::BODY, "metaData"), Some(vec![]));
        assert_eq!(index.find(Place::BODY, b"metaData").unwrap().members, Some(metadata));
        assert_eq!(rows(metadata, "event.type"), Some(vec![3]));
        assert_eq!(rows(Place::HEADERS, "message-ids"), None);
        assert_eq!(rows(Place::HEADERS, &"a".repeat(MAX_NAME_BYTES + 1)), None);
        assert!(NameIndex::new().build().find(Place::BODY, b"x").is_none());
    }
}

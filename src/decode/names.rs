//! From a name as a record writes it to the rows that know it: one hash, one probe.

/// Longer names are in no row, so they are not looked up.
pub const MAX_NAME_BYTES: usize = 56;

/// Room for `parent/name`, in whole words for the hash.
const ROOM: usize = 2 * MAX_NAME_BYTES + 8;

/// Table slots for each name: sparse enough that a miss mostly ends at the first one.
const SLOTS_PER_NAME: usize = 8;

/// Lower case without `-`, `_`, `.`, `$` and `@`; zero stands for bytes that are left out.
const FOLD: [u8; 256] = {
    let mut fold = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        fold[byte] = match byte as u8 {
            b'-' | b'_' | b'.' | b'$' | b'@' => 0,
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

    /// Folds `name` as a member of `self`.
    pub fn member(&self, name: &[u8]) -> Option<Self> {
        let mut folded = *self;
        folded.bytes[folded.len] = b'/';
        folded.len += 1;
        folded.push(name).then_some(folded)
    }

    fn push(&mut self, name: &[u8]) -> bool {
        if name.len() > MAX_NAME_BYTES || self.len + name.len() > ROOM {
            return false;
        }
        let mut len = self.len;
        for &byte in name {
            let fold = FOLD[byte as usize];
            self.bytes[len] = fold;
            len += usize::from(fold != 0);
        }
        if let Some(rest) = self.bytes.get_mut(len) {
            *rest = 0;
        }
        self.len = len;
        true
    }

    /// The folded name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// A hash for a table that never changes: a flood of names meets short chains all the same.
    fn hash(&self) -> u64 {
        let mut hash = self.len as u64;
        for word in self.bytes[..self.len.next_multiple_of(8)].chunks_exact(8) {
            let word = word.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
            hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash ^= hash >> 29;
        }
        hash
    }
}

/// What a name leads to.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Number of the row.
    pub row: u16,
    /// The only spelling that counts, whatever its case; `None` when punctuation does not matter.
    pub exact: Option<&'static str>,
}

/// What is known of a name.
#[derive(Debug)]
pub struct Entry {
    /// The rows that it leads to.
    pub candidates: Vec<Candidate>,
    /// Whether rows lead to members of it.
    pub parent: bool,
    name: Box<[u8]>,
}

/// All names of one place, built once.
#[derive(Debug)]
pub struct NameIndex {
    entries: Vec<Entry>,
    slots: Box<[u16]>,
    mask: usize,
}

const FREE: u16 = u16::MAX;

impl NameIndex {
    /// Builds the index of `names` and what each leads to; one without a candidate is the parent of others.
    pub fn new(names: impl IntoIterator<Item = (Folded, Option<Candidate>)>) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for (name, candidate) in names {
            let at = entries.iter().position(|entry| *entry.name == *name.as_bytes()).unwrap_or_else(|| {
                entries.push(Entry { candidates: Vec::new(), parent: false, name: name.as_bytes().into() });
                entries.len() - 1
            });
            entries[at].parent |= candidate.is_none();
            entries[at].candidates.extend(candidate);
        }
        let size = (entries.len() * SLOTS_PER_NAME).next_power_of_two();
        let mut index = Self { slots: vec![FREE; size].into(), mask: size - 1, entries: Vec::new() };
        for (number, entry) in entries.iter().enumerate() {
            let Some(folded) = Folded::unfold(&entry.name) else { continue };
            let mut slot = folded.hash() as usize & index.mask;
            while index.slots[slot] != FREE {
                slot = (slot + 1) & index.mask;
            }
            index.slots[slot] = number as u16;
        }
        index.entries = entries;
        index
    }

    /// The name of this number.
    pub fn name(&self, number: u16) -> Option<Folded> {
        Folded::unfold(&self.entries.get(number as usize)?.name)
    }

    /// What `name` leads to, and its number; `None` when no row knows it.
    pub fn find(&self, name: &Folded) -> Option<(u16, &Entry)> {
        let mut slot = name.hash() as usize & self.mask;
        loop {
            let number = self.slots[slot];
            let entry = self.entries.get(number as usize)?;
            if *entry.name == *name.as_bytes() {
                return Some((number, entry));
            }
            slot = (slot + 1) & self.mask;
        }
    }
}

impl Folded {
    /// The folded name that these bytes already are.
    fn unfold(bytes: &[u8]) -> Option<Self> {
        let mut folded = Self { bytes: [0; ROOM], len: bytes.len() };
        folded.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_and_lead_to_their_rows() {
        let fold = |name: &str| Folded::new(name.as_bytes()).unwrap();
        let candidate = |row| Some(Candidate { row, exact: None });
        let index = NameIndex::new([
            (fold("message-id"), candidate(1)),
            (fold("messageId"), candidate(2)),
            (fold("metadata"), None),
            (fold("metadata").member(b"eventType").unwrap(), candidate(3)),
        ]);
        let rows =
            |name: &Folded| index.find(name).map(|found| found.1.candidates.iter().map(|c| c.row).collect::<Vec<_>>());
        assert_eq!(rows(&fold("MESSAGE_ID")), Some(vec![1, 2]));
        assert_eq!(rows(&fold("metaData")), Some(vec![]));
        assert!(index.find(&fold("metaData")).unwrap().1.parent);
        assert_eq!(rows(&fold("meta_data").member(b"event.type").unwrap()), Some(vec![3]));
        assert_eq!(rows(&fold("message-ids")), None);
        assert!(Folded::new(&[b'a'; MAX_NAME_BYTES + 1]).is_none());
    }
}

//! One number that names a record for ever.

/// Number of a (cluster, topic incarnation, partition, base) in the database's dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ordinal(pub u32);

/// A record's name: `ordinal << 40 | (offset - base)`.
///
/// It sorts by partition and offset, compresses well and needs no index: topic, partition and offset are arithmetic
/// plus a small dictionary. The base is a multiple of 2^40, so every offset has a ref, seen or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventRef(pub i64);

impl EventRef {
    /// Bits that hold the offset within its base.
    pub const OFFSET_BITS: u32 = 40;
    /// Ordinals that fit beside the offset in a positive 64-bit number.
    pub const MAX_ORDINALS: u32 = 1 << 23;
    const MASK: i64 = (1 << Self::OFFSET_BITS) - 1;

    /// The base below `offset`: the largest multiple of 2^40 that is not above it.
    pub const fn base(offset: i64) -> i64 {
        offset & !Self::MASK
    }

    /// The ref of `offset` in the partition and base that `ordinal` stands for.
    pub const fn new(ordinal: Ordinal, offset: i64) -> Self {
        Self((ordinal.0 as i64) << Self::OFFSET_BITS | (offset & Self::MASK))
    }

    /// The dictionary number.
    pub const fn ordinal(self) -> Ordinal {
        Ordinal((self.0 >> Self::OFFSET_BITS) as u32)
    }

    /// The offset above its base.
    pub const fn offset(self) -> i64 {
        self.0 & Self::MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_gives_back_ordinal_and_offset() {
        for offset in [0, 1, (1 << 40) - 1] {
            let r = EventRef::new(Ordinal(EventRef::MAX_ORDINALS - 1), offset);
            assert!(r.0 > 0);
            assert_eq!((r.ordinal().0, r.offset()), (EventRef::MAX_ORDINALS - 1, offset));
        }
        assert_eq!(EventRef::base((3 << 40) + 17), 3 << 40);
        assert_eq!(EventRef::new(Ordinal(2), (3 << 40) + 17).offset(), 17);
    }
}

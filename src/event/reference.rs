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

/// Where a record lies, as people write it: `topic/partition/offset`, with the cluster before it where there are several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinates {
    /// Cluster, if it was named.
    pub cluster: Option<String>,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl Coordinates {
    /// Reads `text`; `None` where it is of another form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().rsplitn(3, '/');
        let offset: i64 = parts.next()?.parse().ok().filter(|offset| *offset >= 0)?;
        let partition: i32 = parts.next()?.parse().ok().filter(|partition| *partition >= 0)?;
        let rest = parts.next()?;
        let (cluster, topic) = match rest.split_once('/') {
            Some((cluster, topic)) => (Some(cluster.to_owned()), topic),
            None => (None, rest),
        };
        let topic = (!topic.is_empty() && !topic.contains('/')).then(|| topic.to_owned())?;
        Some(Self { cluster, topic, partition, offset })
    }
}

impl std::fmt::Display for Coordinates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(cluster) = &self.cluster {
            write!(f, "{cluster}/")?;
        }
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
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

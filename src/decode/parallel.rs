//! What a group of Confluent's Parallel Consumer has finished beyond its committed offset.
//!
//! The client passes records out of order and commits the first offset that is not finished; which later ones are, it
//! writes into the metadata of the commit: base64 of a magic byte, then a set of bits or run lengths, perhaps as zstd
//! (`OffsetMapCodecManager`, `OffsetEncoding`, `BitSetEncoder` and `RunLengthEncoder` of `parallel-consumer-core` 0.5).

use crate::event::{Beyond, MAX_COMMIT_METADATA_BYTES};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::ops::Range;

/// An offset map that grows past this is not read: eight million offsets as bits.
const MAX_MAP_BYTES: usize = 1 << 20;
/// Ranges of one offset map that are kept; with more of them it is not read.
const MAX_RANGES: usize = 32_768;

/// How an offset map is written.
#[derive(Clone, Copy)]
enum Encoding {
    /// A count of bits in so many bytes, then the bits.
    Bits(usize),
    /// Lengths of so many bytes each: open, finished, open, …
    Runs(usize),
    /// One that the library names and never reads itself, or that of Kafka Streams.
    Unread,
}

/// What `metadata` says of the offsets from `committed` on.
///
/// Text that is no offset map says [`Beyond::Nothing`]; one that cannot be read, or not whole, [`Beyond::Unknown`].
pub fn beyond(metadata: &str, committed: i64) -> Beyond {
    if metadata.is_empty() {
        return Beyond::Nothing;
    }
    if metadata.len() >= MAX_COMMIT_METADATA_BYTES {
        let magic = metadata.get(..4).and_then(|front| STANDARD.decode(front).ok());
        let known = magic.is_some_and(|front| front.first().is_some_and(|magic| encoding(*magic).is_some()));
        return if known { Beyond::Unknown } else { Beyond::Nothing };
    }
    let Ok(bytes) = STANDARD.decode(metadata) else { return Beyond::Nothing };
    let Some((magic, map)) = bytes.split_first() else { return Beyond::Nothing };
    let Some((encoding, packed)) = encoding(*magic) else { return Beyond::Nothing };
    let done = if packed {
        unpacked(map).and_then(|map| read(encoding, &map, committed))
    } else {
        read(encoding, map, committed)
    };
    done.map_or(Beyond::Unknown, Beyond::Done)
}

/// The encoding behind a magic byte, and whether it is compressed.
const fn encoding(magic: u8) -> Option<(Encoding, bool)> {
    Some(match magic {
        b'l' => (Encoding::Bits(2), false),
        b'a' => (Encoding::Bits(2), true),
        b'o' => (Encoding::Bits(4), false),
        b's' => (Encoding::Bits(4), true),
        b'n' => (Encoding::Runs(2), false),
        b'J' => (Encoding::Runs(2), true),
        b'e' => (Encoding::Runs(4), false),
        b'p' => (Encoding::Runs(4), true),
        // ByteArray, its compressed form, and those of Kafka Streams.
        b'L' | 0xee | 1 | 2 => (Encoding::Unread, false),
        _ => return None,
    })
}

fn unpacked(map: &[u8]) -> Option<Vec<u8>> {
    zstd::bulk::decompress(map, MAX_MAP_BYTES).ok()
}

fn read(encoding: Encoding, map: &[u8], committed: i64) -> Option<Vec<Range<i64>>> {
    match encoding {
        Encoding::Bits(width) => bits(map, width, committed),
        Encoding::Runs(width) => runs(map, width, committed),
        Encoding::Unread => None,
    }
}

/// Bits in the order of `java.util.BitSet`: the lowest of each byte first. Those that the bytes do not reach are open.
fn bits(map: &[u8], width: usize, committed: i64) -> Option<Vec<Range<i64>>> {
    let (count, bits) = map.split_at_checked(width)?;
    let count = number(count)?;
    let mut done = Done::default();
    for (at, byte) in bits.iter().enumerate() {
        let mut rest = *byte;
        while rest != 0 {
            let low = rest.trailing_zeros();
            let length = (rest >> low).trailing_ones();
            let start = i64::try_from(at).ok()? * 8 + i64::from(low);
            done.add(start..(start + i64::from(length)).min(count), committed)?;
            rest &= u8::MAX.checked_shl(low + length).unwrap_or(0);
        }
    }
    Some(done.0)
}

fn runs(map: &[u8], width: usize, committed: i64) -> Option<Vec<Range<i64>>> {
    let (mut done, mut at) = (Done::default(), 0i64);
    let lengths = map.chunks_exact(width);
    if !lengths.remainder().is_empty() {
        return None;
    }
    for (turn, length) in lengths.enumerate() {
        let end = at.checked_add(number(length)?)?;
        if turn % 2 == 1 {
            done.add(at..end, committed)?;
        }
        at = end;
    }
    Some(done.0)
}

/// A big-endian number of two or four bytes that is not negative.
fn number(bytes: &[u8]) -> Option<i64> {
    let number = match *bytes {
        [a, b] => i64::from(i16::from_be_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
        _ => return None,
    };
    (number >= 0).then_some(number)
}

/// Finished offsets as ranges that do not touch.
#[derive(Default)]
struct Done(Vec<Range<i64>>);

impl Done {
    /// Adds a range, counted from `committed`, that lies behind all that were added before.
    fn add(&mut self, range: Range<i64>, committed: i64) -> Option<()> {
        if range.is_empty() {
            return Some(());
        }
        let range = committed.checked_add(range.start)?..committed.checked_add(range.end)?;
        let kept = self.0.len();
        match self.0.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if kept == MAX_RANGES => return None,
            _ => self.0.push(range),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(magic: u8, bytes: &[u8]) -> String {
        STANDARD.encode([&[magic], bytes].concat())
    }

    fn packed(magic: u8, bytes: &[u8]) -> String {
        map(magic, &zstd::bulk::compress(bytes, 1).unwrap())
    }

    /// What the library's own decoder read: all from the committed offset to the highest one, without the incomplete.
    fn expected(committed: i64, highest: i64, incomplete: &str) -> Vec<Range<i64>> {
        let (mut done, mut at) = (Vec::new(), committed);
        let open = incomplete.split(',').filter(|text| *text != "none").map(|range| range.split_once('-').unwrap());
        for (first, last) in open.map(|(a, b)| (a.parse::<i64>().unwrap(), b.parse::<i64>().unwrap())) {
            done.push(at..first);
            at = last + 1;
        }
        done.push(at..highest + 1);
        done.retain(|range| !range.is_empty());
        done
    }

    #[test]
    fn what_the_library_writes_is_read_as_it_reads_it() {
        let vectors = include_str!("../../tests/fixtures/parallel_consumer.txt");
        let mut encodings = std::collections::BTreeSet::new();
        for line in vectors.lines().filter(|line| !line.starts_with('#')) {
            let [case, encoding, committed, metadata, highest, incomplete] =
                line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let committed: i64 = committed.parse().unwrap();
            let expected = expected(committed, highest.parse().unwrap(), incomplete);
            assert_eq!(beyond(metadata, committed), Beyond::Done(expected), "{case} {encoding}");
            encodings.insert(encoding);
        }
        assert_eq!(encodings.len(), 8, "{encodings:?}");
    }

    #[test]
    fn what_is_no_offset_map_says_nothing() {
        for text in ["", "worker-7", "leader", "{\"host\":\"a\"}", "AAAA", "====", "Zm9v", "é"] {
            assert_eq!(beyond(text, 5), Beyond::Nothing, "{text}");
        }
        assert_eq!(beyond(&"x".repeat(MAX_COMMIT_METADATA_BYTES), 5), Beyond::Nothing);
    }

    #[test]
    fn an_offset_map_that_cannot_be_read_is_unknown() {
        for (why, text) in [
            ("the library does not read it either", map(b'L', &[1, 0, 1])),
            ("of Kafka Streams", map(2, &[0; 8])),
            ("no count", map(b'o', &[0, 0, 0])),
            ("a negative count", map(b'l', &[0xff, 0xff, 7])),
            ("half a length", map(b'e', &[0, 0, 0, 1, 0, 0])),
            ("a negative length", map(b'n', &[0, 1, 0xff, 0xff])),
            ("no zstd", map(b'p', b"no zstd")),
            ("more than is unpacked", packed(b's', &vec![0; MAX_MAP_BYTES + 1])),
            ("more ranges than are kept", packed(b's', &[&[0, 7, 0, 0][..], &[0x55; 40_000]].concat())),
            ("cut", "bwAA".repeat(MAX_COMMIT_METADATA_BYTES / 4)),
        ] {
            assert_eq!(beyond(&text, 0), Beyond::Unknown, "{why}");
        }
        assert_eq!(beyond(&map(b'e', &[0, 0, 0, 0, 0, 0, 0, 9]), i64::MAX - 3), Beyond::Unknown, "behind all offsets");
    }

    #[test]
    fn a_run_is_one_range_however_long_it_says_it_is() {
        let long = map(b'e', &[&[0, 0, 0, 1][..], &i32::MAX.to_be_bytes(), &[0; 4], &i32::MAX.to_be_bytes()].concat());
        assert_eq!(beyond(&long, 10), Beyond::Done(std::iter::once(11..11 + 2 * i64::from(i32::MAX)).collect()));
        assert_eq!(
            beyond(&map(b'l', &[0, 3, 0xff, 0xff]), 10),
            Beyond::Done(std::iter::once(10..13).collect()),
            "bits behind the count"
        );
        assert_eq!(
            beyond(&map(b'l', &[0, 99, 2]), 10),
            Beyond::Done(std::iter::once(11..12).collect()),
            "bits that are not there"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_into_ranges_in_order(
            magic in prop::sample::select(b"lanJoesp".to_vec()),
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            pack in any::<bool>(),
            committed in prop::sample::select(vec![0, 1 << 40, i64::MAX - 9]),
        ) {
            let text = if pack { packed(magic, &bytes) } else { map(magic, &bytes) };
            if let Beyond::Done(ranges) = beyond(&text, committed) {
                prop_assert!(ranges.iter().all(|range| range.start >= committed && !range.is_empty()));
                prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "{ranges:?}");
            }
        }

        #[test]
        fn any_text_is_read(text in ".*", committed in any::<i64>()) {
            let _ = beyond(&text, committed);
        }
    }
}

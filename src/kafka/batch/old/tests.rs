use super::*;
use crate::kafka::batch::build::{Build, gzipped, old_message};
use crate::kafka::batch::{Found, Unread};
use crate::kafka::codec::Decompressor;

type Plain = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);
type Missing = (Range<i64>, &'static str);

const GZIP: u8 = 1;
const APPEND_TIME: u8 = 8;

/// All records of an answer, and where it ends; runs without records by their reason.
fn read(bytes: &[u8], position: i64) -> (Vec<Plain>, Vec<Missing>, i64) {
    let (mut records, mut missing) = (Vec::new(), Vec::new());
    let unread = Unread { records: bytes, position, end: 100, aborted: &[] };
    let next = unread.walk(&mut |run| {
        let message = match run.found {
            Found::Old(message) => message,
            Found::Batch(_) => return missing.push((run.covers, "a batch")),
            Found::Missing(reason) => return missing.push((run.covers, reason.as_str())),
        };
        let mut decompressor = Decompressor::new();
        let plain = decompressor.plain(message.codec(), message.payload()).unwrap();
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let whole = OldRecords::new(message, run.covers.clone(), plain).for_each(&mut |record| {
            assert!(record.headers.is_empty());
            records.push((record.offset, record.timestamp_ms, owned(record.key), owned(record.value)));
        });
        if !whole {
            missing.push((run.covers, "broken"));
        }
    });
    (records, missing, next)
}

fn plain(offset: i64, time: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Plain {
    (offset, time, key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec))
}

#[test]
fn messages_of_both_old_formats_are_read_as_they_stand() {
    let bytes = [
        old_message(0, 0, 5, 0, (Some(b"k"), Some(b"zero"))),
        old_message(1, 0, 7, 1234, (None, Some(b"one"))),
        old_message(1, 0, 8, 1235, (Some(b""), None)),
        Build::plain(9, 1).bytes(),
    ];
    let wanted = vec![
        plain(5, -1, Some(b"k"), Some(b"zero")),
        plain(7, 1234, None, Some(b"one")),
        plain(8, 1235, Some(b""), None),
    ];
    assert_eq!(read(&bytes.concat(), 5), (wanted, vec![(6..7, "compacted"), (9..10, "a batch")], 10));
}

#[test]
fn compressed_sets_count_from_the_log_in_v0_and_from_the_set_in_v1() {
    for (magic, inner) in [(0, [20, 21, 23]), (1, [0, 1, 3])] {
        let set: Vec<u8> =
            inner.iter().flat_map(|&at| old_message(magic, 0, at, 50 + at, (None, Some(b"v")))).collect();
        let bytes = old_message(magic, GZIP, 23, 99, (None, Some(&gzipped(&set))));
        let time = |at: i64| if magic == 0 { -1 } else { 50 + at };
        let all = [(20, inner[0]), (21, inner[1]), (23, inner[2])];
        let record = |&(offset, at): &(i64, i64)| plain(offset, time(at), None, Some(b"v"));
        assert_eq!(read(&bytes, 20), (all.iter().map(record).collect(), vec![], 24), "v{magic}");
        assert_eq!(read(&bytes, 21).0.len(), 2, "v{magic}: only what was asked for");
    }
}

#[test]
fn a_set_that_the_broker_stamped_gives_its_time_to_all() {
    let set = [old_message(1, 0, 0, 1, (None, None)), old_message(1, 0, 1, 2, (None, None))].concat();
    let bytes = old_message(1, GZIP | APPEND_TIME, 11, 77, (None, Some(&gzipped(&set))));
    assert_eq!(read(&bytes, 10).0, [plain(10, 77, None, None), plain(11, 77, None, None)]);
}

#[test]
fn what_is_broken_costs_its_own_offsets_and_is_counted() {
    let mut bad_crc = old_message(1, 0, 5, 0, (None, Some(b"value")));
    *bad_crc.last_mut().unwrap() ^= 1;
    let good = old_message(1, 0, 6, 1, (None, Some(b"good")));
    let (records, missing, next) = read(&[bad_crc, good].concat(), 5);
    assert_eq!((records.len(), missing, next), (1, vec![(5..6, "corrupt")], 7));

    let nested = old_message(1, GZIP, 0, 0, (None, Some(&gzipped(b""))));
    let backwards = [old_message(1, 0, 3, 0, (None, None)), old_message(1, 0, 2, 0, (None, None))].concat();
    let cut = &good_set()[..20];
    for set in [nested.as_slice(), &backwards, cut, b"no messages"] {
        let bytes = old_message(1, GZIP, 9, 0, (None, Some(&gzipped(set))));
        let (_, missing, next) = read(&bytes, 6);
        assert_eq!((missing, next), (vec![(6..10, "broken")], 10));
    }
    // The offset is not under the CRC: one beyond the end cannot be true.
    for codec in [0, GZIP] {
        let bytes = old_message(1, codec, 500, 0, (None, Some(&gzipped(&good_set()))));
        assert_eq!(read(&bytes, 6), (vec![], vec![(6..7, "corrupt")], 7));
    }
}

fn good_set() -> Vec<u8> {
    old_message(1, 0, 0, 0, (Some(b"key"), Some(b"value")))
}

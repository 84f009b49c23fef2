use super::build::{Build, put_signed};
use super::*;
use proptest::prelude::*;

fn walk(records: &[u8], position: i64, end: i64, aborted: &[AbortedTransaction]) -> (Vec<(Range<i64>, String)>, i64) {
    let mut runs = Vec::new();
    let unread = Unread { records, position, end, aborted };
    let next = unread.walk(&mut |run| {
        let found = match run.found {
            Found::Batch(batch) => format!("{:?}", offsets(batch, run.covers.clone()).expect("records")),
            Found::Old(message) => format!("{:?}", old_offsets(message, run.covers.clone()).expect("records")),
            Found::Missing(reason) => reason.as_str().to_owned(),
        };
        runs.push((run.covers, found));
    });
    (runs, next)
}

fn offsets(batch: RecordBatch<'_>, covers: Range<i64>) -> Option<Vec<i64>> {
    let mut offsets = Vec::new();
    let whole = PlainRecords::new(batch, covers, batch.payload()).for_each(&mut |record| offsets.push(record.offset));
    whole.then_some(offsets)
}

fn old_offsets(message: OldMessage<'_>, covers: Range<i64>) -> Option<Vec<i64>> {
    let mut offsets = Vec::new();
    let mut decompressor = crate::kafka::codec::Decompressor::new();
    let plain = decompressor.plain(message.codec(), message.payload()).ok()?;
    let whole = OldRecords::new(message, covers, plain).for_each(&mut |record| offsets.push(record.offset));
    whole.then_some(offsets)
}

fn run(covers: Range<i64>, found: &str) -> (Range<i64>, String) {
    (covers, found.to_owned())
}

#[test]
fn batches_follow_each_other_and_a_cut_one_is_the_end() {
    let mut bytes = Build::plain(10, 3).bytes();
    bytes.extend(Build::plain(13, 2).bytes());
    let whole = bytes.len();
    bytes.extend(Build::plain(15, 9).bytes());
    for cut in whole..bytes.len() {
        let (runs, next) = walk(&bytes[..cut], 10, 100, &[]);
        assert_eq!(runs, [run(10..13, "[10, 11, 12]"), run(13..15, "[13, 14]")]);
        assert_eq!(next, 15);
    }
}

#[test]
fn a_batch_that_begins_before_the_position_gives_only_what_was_wanted() {
    let bytes = Build::plain(10, 5).bytes();
    assert_eq!(walk(&bytes, 13, 100, &[]), (vec![run(13..15, "[13, 14]")], 15));
    assert_eq!(walk(&bytes, 15, 100, &[]), (vec![], 15));
}

#[test]
fn holes_between_batches_are_compacted_and_holes_inside_belong_to_the_batch() {
    let mut compacted = Build::plain(20, 6);
    compacted.records.retain(|(delta, ..)| [1, 4].contains(delta));
    compacted.last_delta = Some(9);
    let mut empty = Build::plain(40, 0);
    empty.last_delta = Some(3);
    let bytes = [compacted.bytes(), empty.bytes()].concat();
    let (runs, next) = walk(&bytes, 12, 100, &[]);
    let wanted = [run(12..20, "compacted"), run(20..30, "[21, 24]"), run(30..40, "compacted"), run(40..44, "[]")];
    assert_eq!((runs.as_slice(), next), (wanted.as_slice(), 44));
}

#[test]
fn a_wrong_checksum_costs_its_own_offsets_only() {
    let mut bytes = Build::plain(0, 4).bytes();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bytes.extend(Build::plain(4, 1).bytes());
    assert_eq!(walk(&bytes, 1, 100, &[]), (vec![run(1..4, "corrupt"), run(4..5, "[4]")], 5));
}

#[test]
fn bytes_that_are_no_batch_cost_one_offset_so_that_reading_goes_on() {
    let mut bytes = Build::plain(0, 4).bytes();
    bytes[MAGIC_AT] = 9;
    assert_eq!(walk(&bytes, 2, 100, &[]), (vec![run(2..3, "corrupt")], 3));
    // The base offset is not under the checksum: one beyond the end cannot be true.
    assert_eq!(walk(&Build::plain(100, 4).bytes(), 2, 100, &[]), (vec![run(2..3, "corrupt")], 3));
    assert_eq!(walk(&bytes, 100, 100, &[]), (vec![], 100));
    // A batch that reaches over the end is believed up to there.
    assert_eq!(walk(&Build::plain(8, 4).bytes(), 10, 10, &[]), (vec![], 10));
    assert_eq!(walk(&Build::plain(8, 4).bytes(), 8, 10, &[]), (vec![run(8..10, "[8, 9]")], 10));
}

#[test]
fn aborted_transactions_go_until_their_own_marker() {
    let batches = [
        Build::transactional(0, 2, 7),
        Build::transactional(2, 2, 8),
        Build::plain(4, 1),
        Build::marker(5, 8, true),
        Build::transactional(6, 1, 7),
        Build::marker(7, 7, false),
        Build::transactional(8, 1, 7),
        Build::marker(9, 7, true),
    ];
    let bytes: Vec<u8> = batches.iter().flat_map(Build::bytes).collect();
    let aborted = [AbortedTransaction { producer_id: 7, first_offset: 0 }];
    let wanted = [
        run(0..2, "aborted"),
        run(2..4, "[2, 3]"),
        run(4..5, "[4]"),
        run(5..6, "control"),
        run(6..7, "aborted"),
        run(7..8, "control"),
        run(8..9, "[8]"),
        run(9..10, "control"),
    ];
    assert_eq!(walk(&bytes, 0, 10, &aborted), (wanted.to_vec(), 10));
    // The second half alone, as a later answer brings it, with the list that the broker sends along again.
    let second: Vec<u8> = batches[4..].iter().flat_map(Build::bytes).collect();
    assert_eq!(walk(&second, 6, 10, &aborted), (wanted[4..].to_vec(), 10));
}

#[test]
fn records_carry_what_was_written() {
    let mut build = Build::transactional(5, 2, 77);
    build.records[1].1 = None;
    build.records[1].2 = None;
    let bytes = build.bytes();
    let Front::Batch(batch, []) = RecordBatch::front(&bytes) else { panic!("no batch") };
    assert_eq!(batch.producer(), Some(Producer { id: 77, epoch: 0, transactional: true }));
    let mut seen = Vec::new();
    let whole = PlainRecords::new(batch, 5..7, batch.payload()).for_each(&mut |record| {
        assert_eq!(record.headers, [Header { name: b"name", value: None }]);
        seen.push((record.offset, record.timestamp_ms, record.key.map(<[u8]>::len), record.value.map(<[u8]>::len)));
    });
    assert!(whole);
    assert_eq!(seen, [(5, 1_700_000_000_000, Some(2), Some(40)), (6, 1_700_000_000_001, None, None)]);
    build.attributes |= ATTRIBUTE_APPEND_TIME;
    let bytes = build.bytes();
    let Front::Batch(batch, _) = RecordBatch::front(&bytes) else { panic!("no batch") };
    PlainRecords::new(batch, 5..7, batch.payload())
        .for_each(&mut |record| assert_eq!(record.timestamp_ms, 1_700_000_000_999));
}

#[test]
fn offsets_that_go_back_or_leave_the_batch_end_it() {
    for deltas in [[0, 0], [1, 0], [0, 9], [0, -1]] {
        let mut build = Build::plain(5, 2);
        build.last_delta = Some(3);
        build.records.iter_mut().zip(deltas).for_each(|(record, delta)| record.0 = delta);
        let bytes = build.bytes();
        let Front::Batch(batch, _) = RecordBatch::front(&bytes) else { panic!("no batch") };
        assert_eq!(offsets(batch, 5..9), None, "{deltas:?}");
    }
}

#[test]
fn headers_of_one_record_are_bounded() {
    let mut record = vec![0, 0, 0, 1, 1];
    put_signed(&mut record, HEADERS_MAX as i64 + 10);
    record.extend([0, 1].repeat(HEADERS_MAX + 10));
    let mut payload = Vec::new();
    put_signed(&mut payload, record.len() as i64);
    payload.extend(record);
    let bytes = Build::plain(0, 1).with_payload(&payload);
    let Front::Batch(batch, _) = RecordBatch::front(&bytes) else { panic!("no batch") };
    let mut count = 0;
    assert!(PlainRecords::new(batch, 0..1, &payload).for_each(&mut |record| count = record.headers.len()));
    assert_eq!(count, HEADERS_MAX);
}

/// Runs leave no hole, speak for no offset twice, and their records lie inside them.
fn check_walk(bytes: &[u8], position: i64, end: i64) {
    let mut expected = position;
    let unread = Unread { records: bytes, position, end, aborted: &[] };
    let next = unread.walk(&mut |run| {
        assert_eq!(run.covers.start, expected);
        assert!(run.covers.end > run.covers.start);
        expected = run.covers.end;
        if let Found::Batch(batch) = run.found {
            let mut last = run.covers.start - 1;
            PlainRecords::new(batch, run.covers.clone(), batch.payload()).for_each(&mut |record| {
                assert!(run.covers.contains(&record.offset) && record.offset > last);
                last = record.offset;
            });
        }
    });
    assert_eq!(next, expected);
    assert!(next <= end.max(position));
}

proptest! {
    #[test]
    fn any_bytes_walk(bytes in prop::collection::vec(any::<u8>(), 0..400), position in 0i64..50, end in 0i64..100) {
        check_walk(&bytes, position, end);
    }

    #[test]
    fn any_payload_under_a_good_checksum_walks(payload in prop::collection::vec(any::<u8>(), 0..200), count in 0i64..8) {
        check_walk(&Build::plain(3, count).with_payload(&payload), 0, 100);
    }

    #[test]
    fn mutated_batches_walk(
        position in 0i64..12,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        mend in any::<bool>(),
    ) {
        let mut bytes = Build::plain(0, 4).bytes();
        bytes.extend(Build::transactional(4, 3, 9).bytes());
        bytes.extend(Build::plain(8, 3).bytes());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if mend && let Front::Batch(batch, _) = RecordBatch::front(&bytes) {
            // Past the checksum, as a hostile producer gets.
            let crc = crc32c::crc32c(batch.covered).to_be_bytes();
            bytes[17..21].copy_from_slice(&crc);
        }
        check_walk(&bytes, position, 100);
    }
}

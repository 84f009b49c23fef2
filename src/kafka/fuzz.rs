//! The parser of answers against mutated answers of a real broker: no panic, no memory beyond its bounds, no endless
//! loop.
//!
//! `HEADWATER_FUZZ=600 cargo test --release --lib kafka::fuzz -- --nocapture` runs for ten minutes. The answers were
//! recorded by `HEADWATER_RECORD=FOLDER` with the tests of faults.

use super::batch::build::{Build, gzipped, old_message};
use super::batch::{Found, OldRecords, PlainRecords, Run, Unread};
use super::codec::{DECOMPRESSED_MAX, Decompressor};
use super::connection::offered;
use super::fetch::{self, Answer};
use super::request::{ReadRequest, ShareOffsetsRequest};
use super::{Records, clock, shape};
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, DescribeConfigsRequest, DescribeGroupsRequest, ListGroupsRequest,
    ListOffsetsRequest, MetadataRequest, OffsetFetchRequest, ResponseHeader, ShareGroupDescribeRequest,
};
use kafka_protocol::protocol::Decodable;
use std::time::Duration;

/// Cases of a run that names no duration.
const CASES: u64 = 40_000;
/// No answer of a few KB may take longer, on a machine that is busy with other tests.
const CASE_TIME: Duration = Duration::from_secs(10);
/// Least bytes of one partition's part of an answer, of one old message, and of one record.
const LEAST_PART: usize = 30;
const LEAST_MESSAGE: usize = 26;
const LEAST_RECORD: usize = 7;
/// Where a batch keeps its length, its CRC and what that covers.
const LENGTH_AT: usize = 8;
const CRC_AT: usize = 17;
const COVERED_AT: usize = 21;

/// One answer to begin with.
#[derive(Clone)]
struct Seed {
    api: ApiKey,
    version: i16,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Counts {
    cases: u64,
    answers_read: u64,
    runs: u64,
    records: u64,
    rare_read: u64,
}

#[test]
fn mutated_answers_never_break_the_parser() {
    let seed: u64 = match std::env::var("HEADWATER_SEED").ok().as_deref() {
        None => 1,
        Some("random") => fastrand::u64(..1_000_000),
        Some(text) => text.parse().unwrap(),
    };
    let seconds: Option<u64> = std::env::var("HEADWATER_FUZZ").ok().map(|text| text.parse().unwrap());
    println!("fuzz: HEADWATER_SEED={seed} repeats this run, commit {}", commit());
    let mut random = fastrand::Rng::with_seed(seed);
    let (seeds, begun) = (seeds(), clock::now());
    let mut counts = Counts::default();
    let mut decompressor = Decompressor::new();
    while seconds.map_or(counts.cases < CASES, |seconds| begun.elapsed().as_secs() < seconds) {
        let case = mutated(&seeds, &mut random);
        let before = clock::now();
        try_case(&case, &mut decompressor, &mut counts);
        assert!(before.elapsed() < CASE_TIME, "case {} took {:?}", counts.cases, before.elapsed());
        counts.cases += 1;
    }
    println!("fuzz: {} s, {counts:?}", begun.elapsed().as_secs());
    assert!(counts.records > 0 && counts.rare_read > 0 && counts.answers_read < counts.cases, "{counts:?}");
}

#[test]
fn every_answer_to_begin_with_reads_whole() {
    let (mut decompressor, mut counts) = (Decompressor::new(), Counts::default());
    for seed in seeds() {
        let before = counts.answers_read + counts.rare_read;
        try_case(&seed, &mut decompressor, &mut counts);
        let offers = seed.api == ApiKey::ApiVersions && offered(&seed.bytes[4..], seed.version).is_some();
        assert!(offers || counts.answers_read + counts.rare_read > before, "{:?} v{}", seed.api, seed.version);
    }
    assert!(counts.records > 900, "{counts:?}");
}

#[test]
fn an_answer_that_claims_more_than_it_holds_is_not_decoded() {
    for (at, seed) in seeds().into_iter().enumerate().filter(|(_, seed)| seed.api == ApiKey::Metadata) {
        let header = 5;
        let whole = |bytes: &[u8]| shape::is_whole(seed.api, seed.version, &bytes[header..]);
        assert!(whole(&seed.bytes), "{at}");
        // The count of brokers, of which there is room for a few: two thousand million.
        let claims = [&seed.bytes[..header + 4], &[0xff, 0xff, 0xff, 0xff, 0x07], &seed.bytes[header + 5..]].concat();
        assert!(!whole(&claims), "{at}");
        for cut in header..seed.bytes.len() {
            assert!(!whole(&seed.bytes[..cut]), "{at} cut at {cut}");
        }
    }
    assert!(!shape::is_whole(ApiKey::Produce, 9, &[0; 100]), "an answer that nobody asked for");
}

fn commit() -> String {
    let told = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    told.map_or_else(|_| "unknown".to_owned(), |told| String::from_utf8_lossy(&told.stdout).trim().to_owned())
}

/// Recorded answers, and built ones with what the recording broker does not have.
fn seeds() -> Vec<Seed> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/answers");
    let mut seeds: Vec<Seed> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let mut parts = name.split('-').map(|part| part.parse::<i16>().unwrap());
            let (api, version) = (parts.next().unwrap(), parts.next().unwrap());
            Seed { api: ApiKey::try_from(api).unwrap(), version, bytes: std::fs::read(path).unwrap() }
        })
        .collect();
    seeds.sort_by(|a, b| a.bytes.cmp(&b.bytes));
    assert!(seeds.len() >= 7, "answers of a real broker");
    // Of one group, and of two partitions that it has committed on.
    let groups = [&[0; 11][..], &[2, 2, b'g', 1, 7, b'S', b't', b'a', b'b', b'l', b'e', 1, 0, 0]].concat();
    seeds.push(Seed { api: ApiKey::ListGroups, version: 5, bytes: groups });
    let commit = |partition: u8| [&[0, 0, 0, partition][..], &[0; 7], &[42, 0, 0, 0, 1, 2, b'm', 0, 0, 0]].concat();
    let commits = [&[0; 9][..], &[2, 2, b'g', 2, 2, b't', 3], &commit(0), &commit(1), &[0, 0, 0, 0, 0]].concat();
    seeds.push(Seed { api: ApiKey::OffsetFetch, version: 9, bytes: commits });
    seeds.extend(described());
    let set = [old_message(1, 0, 0, 5, (None, Some(b"a"))), old_message(1, 0, 1, 6, (Some(b"k"), None))].concat();
    let built = [
        Build::plain(20, 9).bytes(),
        [Build::transactional(20, 2, 7).bytes(), Build::marker(22, 7, false).bytes()].concat(),
        [old_message(0, 0, 20, 0, (Some(b"k"), Some(b"v"))), old_message(1, 1, 22, 0, (None, Some(&gzipped(&set))))]
            .concat(),
    ];
    let snappy = snap::raw::Encoder::new().compress_vec(&Build::plain(0, 50).payload()).unwrap();
    let lz4 = [&[4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0][..], &[9, 0, 0, 0x80], b"some text", &[0; 4]].concat();
    let zstd = zstd::bulk::compress(&Build::plain(0, 50).payload(), 1).unwrap();
    let packed = [(1, gzipped(&Build::plain(0, 50).payload())), (2, snappy), (3, lz4), (4, zstd)]
        .map(|(codec, payload)| Build { attributes: codec, ..Build::plain(20, 50) }.with_payload(&payload));
    for records in built.into_iter().chain(packed) {
        for version in [fetch::LEAST, 11, 12, fetch::MOST] {
            seeds.push(Seed { api: ApiKey::Fetch, version, bytes: answer(version, &records) });
        }
    }
    seeds
}

/// Members, share groups and settings of topics, of one group or topic each.
fn described() -> [Seed; 5] {
    let header = [0; 9];
    let assigned = [&[2][..], &[7; 16], &[2, b't', 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]].concat();
    let seed = |api, version, group: &[&[u8]]| {
        let bytes = [&header[..], &[2], &group.concat(), &[0]].concat();
        Seed { api, version, bytes }
    };
    let member = [2, b'm', 0, 2, b'c', 2, b'h', 1, 7, 0, 1, 0, 0, 0, 0, 0];
    let classic: [&[u8]; 3] = [&[0, 0, 0, 2, b'g', 2, b'S', 2, b'c', 2, b'r', 2], &member, &[0; 5]];
    let front: [&[u8]; 2] = [&[0, 0, 0, 2, b'g', 2, b'S'], &[0, 0, 0, 1, 0, 0, 0, 1, 2, b'u', 2, 2, b'm']];
    let names = [0, 0, 0, 3, 2, b'c', 2, b'h', 2, 2, b't'];
    let back = [0, 0, 0, 0, 0, 0];
    let consumer = [front[0], front[1], &[0, 0], &names, &[0], &assigned, &assigned, &[1], &back];
    let share = [front[0], front[1], &[0], &names, &assigned, &back];
    let place = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0];
    let offsets: [&[u8]; 5] = [&[2, b'g', 2, 2, b't'], &[7; 16], &[2], &place, &[0, 0, 0, 0, 0]];
    let value = [2, b'n', 2, b'v', 0, 5, 0, 2, 2, b's', 2, b'v', 5, 0, 2, 0, 0];
    let configs: [&[u8]; 3] = [&[0, 0, 0, 2, 2, b't', 2], &value, &[0]];
    [
        seed(ApiKey::DescribeGroups, 6, &classic),
        seed(ApiKey::ConsumerGroupDescribe, 1, &consumer),
        seed(ApiKey::ShareGroupDescribe, 1, &share),
        seed(ApiKey::DescribeShareGroupOffsets, 1, &offsets),
        seed(ApiKey::DescribeConfigs, 4, &configs),
    ]
}

/// An answer of one partition.
fn answer(version: i16, records: &[u8]) -> Vec<u8> {
    let flexible = version >= 12;
    let mut out = 9i32.to_be_bytes().to_vec();
    let tags = |out: &mut Vec<u8>| out.extend(std::iter::repeat_n(0, usize::from(flexible)));
    let length = |out: &mut Vec<u8>, length: usize| {
        if flexible {
            super::wire::put_varint(out, length as u64 + 1);
        } else {
            out.extend((length as i32).to_be_bytes());
        }
    };
    tags(&mut out);
    out.extend([0; 4]);
    if version >= 7 {
        out.extend([0; 6]);
    }
    length(&mut out, 1);
    match version {
        13.. => out.extend([7; 16]),
        12 => out.extend([2, b't']),
        _ => out.extend([0, 1, b't']),
    }
    length(&mut out, 1);
    out.extend([0; 6]);
    out.extend([1000i64, 1000].into_iter().flat_map(i64::to_be_bytes));
    if version >= 5 {
        out.extend([0; 8]);
    }
    length(&mut out, 1);
    out.extend([7i64, 20].into_iter().flat_map(i64::to_be_bytes));
    tags(&mut out);
    if version >= 11 {
        out.extend([0xff; 4]);
    }
    length(&mut out, records.len());
    out.extend(records);
    (0..3).for_each(|_| tags(&mut out));
    out
}

fn mutated(seeds: &[Seed], random: &mut fastrand::Rng) -> Seed {
    let mut case = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.usize(0..5) {
        let bytes = &mut case.bytes;
        if bytes.is_empty() {
            break;
        }
        let at = random.usize(..bytes.len());
        match random.u8(..7) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            // Lengths and counts that are huge, negative, or one beside.
            2 => {
                let extreme =
                    [0, 1, -1, i32::MAX, i32::MIN, 1 << 16, 0x7fff_ffff >> random.u8(..24)][random.usize(..7)];
                bytes.iter_mut().skip(at).zip(extreme.to_be_bytes()).for_each(|(byte, value)| *byte = value);
            }
            3 => bytes.iter_mut().skip(at).take(random.usize(1..6)).for_each(|byte| *byte = 0xff),
            4 => bytes.truncate(at),
            5 => {
                let end = (at + random.usize(..40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                let other = &seeds[random.usize(..seeds.len())].bytes;
                let from = random.usize(..other.len());
                let end = (from + random.usize(..80)).min(other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..end]);
            }
        }
    }
    // Otherwise the checksum would keep every change from the parser of records.
    if case.api == ApiKey::Fetch && random.bool() {
        correct(&mut case);
    }
    case
}

/// Gives every batch the checksum of what it holds now.
fn correct(case: &mut Seed) {
    let front = case.bytes.as_ptr() as usize;
    let places: Vec<(usize, usize)> = Answer::read(&case.bytes, case.version)
        .map(|answer| {
            answer.parts.iter().map(|part| (part.records.as_ptr() as usize - front, part.records.len())).collect()
        })
        .unwrap_or_default();
    for (at, length) in places {
        let mut records = &mut case.bytes[at..at + length];
        while let Some(size) = records.get(LENGTH_AT..).and_then(|rest| rest.first_chunk::<4>()) {
            let size = (u32::from_be_bytes(*size) as usize).saturating_add(12);
            if size < COVERED_AT || size > records.len() {
                break;
            }
            let (batch, behind) = records.split_at_mut(size);
            let crc = crc32c::crc32c(&batch[COVERED_AT..]);
            batch[CRC_AT..COVERED_AT].copy_from_slice(&crc.to_be_bytes());
            records = behind;
        }
    }
}

fn try_case(case: &Seed, decompressor: &mut Decompressor, counts: &mut Counts) {
    match case.api {
        ApiKey::Fetch => try_fetch(case, decompressor, counts),
        ApiKey::Metadata => try_rare::<MetadataRequest>(case, counts),
        ApiKey::ListOffsets => try_rare::<ListOffsetsRequest>(case, counts),
        ApiKey::ListGroups => try_rare::<ListGroupsRequest>(case, counts),
        ApiKey::OffsetFetch => try_rare::<OffsetFetchRequest>(case, counts),
        ApiKey::DescribeGroups => try_rare::<DescribeGroupsRequest>(case, counts),
        ApiKey::ConsumerGroupDescribe => try_rare::<ConsumerGroupDescribeRequest>(case, counts),
        ApiKey::ShareGroupDescribe => try_rare::<ShareGroupDescribeRequest>(case, counts),
        ApiKey::DescribeShareGroupOffsets => try_rare::<ShareOffsetsRequest>(case, counts),
        ApiKey::DescribeConfigs => try_rare::<DescribeConfigsRequest>(case, counts),
        ApiKey::ApiVersions => {
            let offered = case.bytes.get(4..).and_then(|body| offered(body, case.version));
            assert!(offered.is_none_or(|offered| offered.len() <= case.bytes.len() / 6));
        }
        other => panic!("{other:?} was never asked for"),
    }
}

fn try_rare<Q: ReadRequest>(case: &Seed, counts: &mut Counts) {
    let mut body = Bytes::from(case.bytes.clone());
    if ResponseHeader::decode(&mut body, Q::KEY.response_header_version(case.version)).is_ok()
        && shape::is_whole(Q::KEY, case.version, &body)
    {
        counts.rare_read += u64::from(Q::read(&mut body, case.version).is_ok());
    }
}

fn try_fetch(case: &Seed, decompressor: &mut Decompressor, counts: &mut Counts) {
    if let Some(part) = Answer::overflowing(&case.bytes, case.version) {
        assert!(part.records.len() <= case.bytes.len());
    }
    let Some(answer) = Answer::read(&case.bytes, case.version) else { return };
    counts.answers_read += 1;
    assert!(answer.parts.len() <= case.bytes.len() / LEAST_PART);
    for part in &answer.parts {
        assert!(part.aborted.len() <= case.bytes.len() / 16);
        let position = part.high_watermark.saturating_sub(980);
        let unread = Unread { records: part.records, position, end: part.high_watermark, aborted: &part.aborted };
        let mut runs: Vec<Run<'_>> = Vec::new();
        let next = unread.walk(&mut |run| runs.push(run));
        assert!(runs.len() <= 2 * (part.records.len() / LEAST_MESSAGE + 1));
        let mut at = position;
        for run in &runs {
            assert!(run.covers.start == at && run.covers.end > at && run.covers.end <= part.high_watermark);
            at = run.covers.end;
        }
        assert_eq!(next, at, "reading goes on behind the last run");
        counts.runs += runs.len() as u64;
        runs.into_iter().for_each(|run| try_run(run, decompressor, counts));
    }
}

fn try_run(run: Run<'_>, decompressor: &mut Decompressor, counts: &mut Counts) {
    let (codec, payload) = match run.found {
        Found::Batch(batch) => (batch.codec(), batch.payload()),
        Found::Old(message) => (message.codec(), message.payload()),
        Found::Missing(_) => return,
    };
    let Ok(plain) = decompressor.plain(codec, payload) else { return };
    assert!(plain.len() <= DECOMPRESSED_MAX);
    let (mut lowest, mut records) = (run.covers.start, 0);
    let mut each = |record: &crate::event::Record<'_>| {
        assert!(record.offset >= lowest && run.covers.contains(&record.offset));
        assert!(record.headers.len() <= super::batch::HEADERS_MAX);
        lowest = record.offset + 1;
        records += 1;
    };
    match run.found {
        Found::Batch(batch) => drop(PlainRecords::new(batch, run.covers.clone(), plain).for_each(&mut each)),
        Found::Old(message) => drop(OldRecords::new(message, run.covers.clone(), plain).for_each(&mut each)),
        Found::Missing(_) => {}
    }
    assert!(records <= plain.len() / LEAST_RECORD + 1);
    counts.records += records as u64;
}

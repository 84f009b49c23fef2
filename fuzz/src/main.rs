//! Records and captures as nobody meant them: mutated from those that frameworks write.
//!
//! `cargo run --release --manifest-path fuzz/Cargo.toml -- --seconds 600 --seed 1` prints seed, commit, duration and
//! counts, and ends with 1 at the first case that panics, takes too long or allocates too much; `--case N` repeats one.
//!
//! It compiles the readers alone, from the sources of the program.
#![allow(dead_code, unused_imports, missing_docs, reason = "the program uses the rest")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a proof that prints")]

#[path = "../../src/capture/mod.rs"]
mod capture;
#[path = "../../src/decode/mod.rs"]
mod decode;
#[path = "../../src/event/mod.rs"]
mod event;
mod mutate;
mod seeds;

use crate::decode::Decoder;
use crate::event::{Beyond, Envelopes, HashKey, Header, Record, TopicPartition};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mutate::{Case, mutated};
use peak_alloc::PeakAlloc;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Seconds of a run that names none.
const SECONDS: u64 = 600;
/// Longest time for one case: a megabyte takes some milliseconds, and the machine may be busy.
const CASE_TIME: Duration = Duration::from_millis(500);
/// Longest time for a megabyte of nested JSON in one header, the best of a few tries.
const NESTED_TIME: Duration = Duration::from_millis(10);
const NESTED_TRIES: usize = 5;
const NESTED_BYTES: usize = 1 << 20;
/// Memory of one case, beyond so many times its own bytes: room for what a decoder keeps from record to record.
const CASE_MEMORY: usize = 8 << 20;
const CASE_TIMES: usize = 8;
/// Cases after which a decoder is made anew, so that what it remembers is the same for a case that is repeated.
const CASES_KEPT: u64 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let (seconds, seed) = (option("--seconds").unwrap_or(SECONDS), option("--seed").unwrap_or(1));
    println!("fuzz: seed {seed}, commit {}", commit());
    let seeds = seeds::all();
    let nested = nested();
    if nested > NESTED_TIME {
        eprintln!("fuzz: {NESTED_BYTES} bytes of nested JSON in a header take {nested:?}, more than {NESTED_TIME:?}");
        return ExitCode::FAILURE;
    }
    let begun = Instant::now();
    let (first, last) = option("--case").map_or((0, u64::MAX), |case| (case - case % CASES_KEPT, case));
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut decoder, mut number, mut slowest) = (fresh(), first, Duration::ZERO);
    // A panic is told with its case.
    std::panic::set_hook(Box::new(|_| {}));
    while begun.elapsed().as_secs() < seconds && number <= last {
        if number.is_multiple_of(CASES_KEPT) {
            decoder = fresh();
        }
        let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let case = mutated(&seeds, &mut random);
        match attempt(&mut decoder, &case) {
            Ok(took) => slowest = slowest.max(took),
            Err(reason) => {
                eprintln!("fuzz: case {number} of seed {seed}: {reason}\n{case:?}");
                return ExitCode::FAILURE;
            }
        }
        *counts.entry(case.name()).or_default() += 1;
        number += 1;
    }
    let whole = begun.elapsed().as_secs();
    println!("fuzz: {whole} s, {} cases, no failure: {counts:?}; slowest {slowest:?}, nested {nested:?}", number - first);
    ExitCode::SUCCESS
}

fn fresh() -> Decoder {
    Decoder::new(HashKey([1; 16]), HashKey([2; 16]))
}

/// How long the case took; why it failed otherwise.
fn attempt(decoder: &mut Decoder, case: &Case) -> Result<Duration, String> {
    let bytes = case.bytes();
    MEMORY.reset_peak_usage();
    let (before, begun) = (MEMORY.current_usage(), Instant::now());
    let done = catch_unwind(AssertUnwindSafe(|| run(decoder, case)));
    let (took, used) = (begun.elapsed(), MEMORY.peak_usage().saturating_sub(before));
    done.map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        format!("panics: {}", words.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    })?;
    if took > CASE_TIME {
        return Err(format!("takes {took:?} for {bytes} bytes"));
    }
    if used > CASE_MEMORY + CASE_TIMES * bytes {
        return Err(format!("takes {used} bytes of memory for {bytes}"));
    }
    Ok(took)
}

fn run(decoder: &mut Decoder, case: &Case) {
    match case {
        Case::Record(made) => {
            let headers: Vec<Header<'_>> =
                made.headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
            let partition =
                TopicPartition { cluster: "c".into(), topic: made.topic.as_str().into(), topic_id: [0; 16], partition: 0 };
            let record = Record {
                offset: made.offset,
                timestamp_ms: made.timestamp_ms,
                key: made.key.as_deref(),
                value: made.value.as_deref(),
                headers: &headers,
            };
            let mut into = Envelopes::default();
            decoder.decode(&partition, &record, &mut into);
            assert_eq!(into.rows.len(), 1, "a row a record");
        }
        Case::Capture(text) => {
            capture::read("fuzz", &text[..], &mut |_| ()).ok();
        }
        Case::Commit(key, value) => {
            decode::offset_commit(Some(key), Some(value));
        }
        Case::Metadata(map) => {
            let done = decode::beyond(&STANDARD.encode(map), 812);
            if let Beyond::Done(ranges) = done {
                assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "ranges in order");
            }
        }
    }
}

/// The best time for a megabyte of nested JSON in one header, whatever its name.
fn nested() -> Duration {
    let value = [vec![b'['; NESTED_BYTES / 2], vec![b']'; NESTED_BYTES / 2]].concat();
    let names = ["traceparent", "ce_id", "message-id", "x-original-offset", "sw8", "x-error"];
    let headers: Vec<Header<'_>> =
        names.iter().map(|name| Header { name: name.as_bytes(), value: Some(&value) }).collect();
    let partition = TopicPartition { cluster: "c".into(), topic: "orders-dlq".into(), topic_id: [0; 16], partition: 0 };
    let record = Record { offset: 0, timestamp_ms: 0, key: None, value: Some(&value), headers: &headers };
    let mut decoder = fresh();
    let tries = (0..NESTED_TRIES).map(|_| {
        let begun = Instant::now();
        decoder.decode(&partition, &record, &mut Envelopes::default());
        begun.elapsed()
    });
    tries.min().unwrap_or_default()
}

fn commit() -> String {
    let answer = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok();
    answer.map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned()).unwrap_or_default()
}

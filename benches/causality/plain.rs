//! Two plain ways to do the same join: one hash map, and a table that is joined with itself.

use super::run::Slices;
use super::{SLICE, resident, run};
use crate::cpu;
use crate::support::Folder;
use crate::support::generator::{Batch, Declared, Made, Options, Source, What};
use duckdb::Connection;
use headwater::event::{EventRef, Identifier};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

/// Rows of one append.
const ROWS: usize = 2_048;

/// Ids are spread already.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, n: u64) {
        self.0 = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<Spread>>;

fn key(id: Identifier) -> u64 {
    id.hi ^ id.lo
}

fn holds(made: &Made) -> Option<Identifier> {
    made.id.filter(|_| !matches!(made.what, What::Retry | What::DeadLetter))
}

/// The id by which the record names its cause.
fn names(made: &Made) -> Option<Identifier> {
    made.causation.filter(|_| !made.says_root() && made.what != What::Retry && made.what != What::DeadLetter)
}

/// Who answers for what the record names, and what truly was in hand when it was written.
fn truth(made: &Made) -> [Option<EventRef>; 2] {
    match made.declared {
        Declared::Names(named) => [Some(named), made.cause],
        _ => [None, made.cause],
    }
}

fn named(made: &Made) -> u64 {
    u64::from(truth(made)[0].is_some() && names(made).is_some())
}

#[derive(Default)]
struct Join {
    ids: Map<i64>,
    waiting: Map<Vec<EventRef>>,
    edges: Vec<(EventRef, i64)>,
}

impl Join {
    fn take(&mut self, made: &Made) {
        if let Some(cause) = names(made).map(key) {
            match self.ids.get(&cause) {
                Some(found) => self.edges.push((made.reference, *found)),
                None => self.waiting.entry(cause).or_default().push(made.reference),
            }
        }
        if let Some(own) = holds(made).map(key) {
            self.ids.entry(own).or_insert(made.reference.0);
            for child in self.waiting.remove(&own).into_iter().flatten() {
                self.edges.push((child, made.reference.0));
            }
        }
    }
}

/// A hash map from id to ref, and one of those who wait: no horizon, no barrier, no conversations.
pub fn hashbrown(options: Options) -> Value {
    let begun = Instant::now();
    let mut source = Source::new(options);
    let (mut batch, mut join, mut slices) = (Batch::default(), Join::default(), Slices::default());
    let mut more = source.fill(&mut batch, SLICE);
    let before = resident();
    let (mut all, mut right, mut edges) = (0, 0, 0);
    // The truth about those whose edge did not come yet.
    let mut open: HashMap<EventRef, [Option<EventRef>; 2]> = HashMap::new();
    while more {
        all += batch.records.iter().map(named).sum::<u64>();
        slices.take(batch.records.len(), || batch.records.iter().for_each(|made| join.take(made)));
        let naming = batch.records.iter().filter(|made| names(made).is_some());
        open.extend(naming.map(|made| (made.reference, truth(made))));
        for (effect, cause) in join.edges.drain(..) {
            edges += 1;
            right += u64::from(open.remove(&effect).is_some_and(|truth| truth.contains(&Some(EventRef(cause)))));
        }
        more = source.fill(&mut batch, SLICE);
    }
    let own = open.capacity() * size_of::<(EventRef, [Option<EventRef>; 2])>();
    let held = resident() - before - own as f64 / 1024.0 / 1024.0;
    let (worst, _) = slices.worst_and_median();
    json!({
        "cpu_ns": slices.cpu_ns(), "key_bytes": run::round(held * 1024.0 * 1024.0 / join.ids.len().max(1) as f64),
        "worst_ms": run::round(worst), "precision": right as f64 / edges.max(1) as f64,
        "recall": right as f64 / all.max(1) as f64, "edges": edges, "seconds": begun.elapsed().as_secs(),
    })
}

/// Everything goes into a table, which is joined with itself when somebody asks.
pub fn duckdb(options: Options) -> Value {
    let begun = Instant::now();
    let folder = Folder::new("bench-join");
    let file = folder.file("join.duckdb");
    let conn = Connection::open(&file).unwrap();
    let settings = "SET memory_limit = '8GB'; CREATE TABLE e (ref BIGINT, hi BIGINT, lo BIGINT, chi BIGINT, clo BIGINT, named BIGINT)";
    conn.execute_batch(settings).unwrap();
    let mut source = Source::new(options);
    let (mut batch, mut count, mut all) = (Batch::default(), 0, 0);
    let mut spent = 0.0;
    while source.fill(&mut batch, SLICE) {
        count += batch.records.len();
        all += batch.records.iter().map(named).sum::<u64>();
        let before = cpu::of_self();
        for rows in batch.records.chunks(ROWS * 32) {
            let mut appender = conn.appender("e").unwrap();
            for made in rows {
                let (id, cause) = (holds(made), names(made));
                let half = |id: Option<Identifier>, low: bool| id.map(|id| if low { id.lo } else { id.hi } as i64);
                let named = match made.declared {
                    Declared::Names(named) => Some(named.0),
                    _ => None,
                };
                let row: [Option<i64>; 6] = [
                    Some(made.reference.0),
                    half(id, false),
                    half(id, true),
                    half(cause, false),
                    half(cause, true),
                    named,
                ];
                appender.append_row(row).unwrap();
            }
            appender.flush().unwrap();
        }
        spent += cpu::of_self() - before;
    }
    let (asked, before) = (Instant::now(), cpu::of_self());
    let join = "CREATE TABLE edge AS SELECT e.ref AS effect, c.ref AS cause, e.named AS named FROM e JOIN e c ON e.chi = c.hi \
                AND e.clo = c.lo WHERE e.ref <> c.ref";
    conn.execute_batch(join).unwrap();
    let joined = asked.elapsed().as_secs_f64() * 1e3;
    spent += cpu::of_self() - before;
    let count_edges = "SELECT count(*), count(*) FILTER (cause = named) FROM edge";
    let (edges, right): (i64, i64) = conn.query_row(count_edges, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let bytes = std::fs::metadata(&file).map_or(0, |file| file.len());
    json!({
        "cpu_ns": spent * 1e9 / count.max(1) as f64, "join_ms": joined.round(), "disk_mb": bytes >> 20,
        "rss_mb": resident().round(), "precision": right as f64 / edges.max(1) as f64,
        "recall": right as f64 / all.max(1) as f64, "edges": edges, "seconds": begun.elapsed().as_secs(),
    })
}

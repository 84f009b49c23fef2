//! Causes that left memory: the database is asked, many at a time, and what it says becomes an edge as any other.

use crate::support::Folder;
use headwater::event::{
    Changes, EventRef, EventRow, FoundCause, Identifier, Kind, LostCause, Ordinal, Resolution, Spelling, Timestamp,
};
use headwater::report::Cell;
use headwater::store::{Limits, Readers, Settings, Writer};
use headwater::tap::{ImportConfig, import};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Room for some 12,000 events.
const LITTLE: u64 = 1 << 20;

struct Imports {
    folder: Folder,
    files: usize,
}

impl Imports {
    fn new(name: &str) -> Self {
        Self { folder: Folder::new(name), files: 0 }
    }

    /// Imports records of topic `orders`: offset, id, and the id of the cause.
    fn import(&mut self, memory: u64, records: impl Iterator<Item = (usize, String, Option<String>)>) {
        let mut lines = String::new();
        for (offset, id, cause) in records {
            let cause = cause.map_or_else(String::new, |cause| format!(r#","ce_causationid","{cause}""#));
            let ts = 1_795_226_341_597 + offset;
            writeln!(
                lines,
                r#"{{"topic":"orders","partition":0,"offset":{offset},"tstype":"create","ts":{ts},"headers":["ce_id","{id}","ce_type","t","ce_source","/s","ce_specversion","1.0"{cause}],"key":null,"payload":null}}"#
            )
            .unwrap();
        }
        self.files += 1;
        let file = self.folder.file(&format!("{}.ndjson", self.files));
        std::fs::write(&file, lines).unwrap();
        let config = ImportConfig {
            db: self.database(),
            cluster: "test".into(),
            business_flows: Vec::new(),
            lag_value: None,
            not_attending: Vec::new(),
            conventions: Vec::new(),
            registry: Default::default(),
            memory,
            failure_text: Default::default(),
        };
        let summary = import(&config, &[file]).unwrap();
        assert_eq!(summary.unread_count, 0, "{:?}", summary.unread);
    }

    fn database(&self) -> PathBuf {
        self.folder.file("h.duckdb")
    }

    fn ask(&self, sql: &str) -> Vec<Vec<Cell>> {
        let readers = Readers::open_file(&self.database(), Settings::default()).unwrap();
        readers.reader().unwrap().ask(sql, &[], Limits::default()).unwrap().table.rows
    }

    /// Offsets of effects and causes.
    fn edges(&self) -> Vec<(i64, i64)> {
        let rows = self.ask("SELECT effect & 1099511627775, cause & 1099511627775 FROM cause ORDER BY effect");
        rows.iter().map(|row| (int(&row[0]), int(&row[1]))).collect()
    }

    fn count(&self, what: &str) -> i64 {
        int(&self.ask(&format!("SELECT count(*) FROM event WHERE {what}"))[0][0])
    }

    fn counter(&self, name: &str) -> i64 {
        int(&self.ask(&format!("SELECT CAST(value AS BIGINT) FROM tap WHERE name = '{name}'"))[0][0])
    }
}

fn int(cell: &Cell) -> i64 {
    match cell {
        Cell::Int(n) => *n,
        other => panic!("{other:?}"),
    }
}

const EVENTS: usize = 40_000;

/// Scenario: captures of many more events than memory has room for; the last of them name causes among the first, and ids
/// that nobody carries. A second import does so again, with a memory that begins empty.
/// Guarantees: each cause is found, no other edge is made, and what is nowhere is orphaned.
#[test]
fn causes_that_left_memory_are_found_in_the_database() {
    let mut imports = Imports::new("recall");
    let old = |n: usize| n * 137;
    let first = (0..EVENTS).map(|n| (n, format!("event-{n}"), None));
    let naming = |from: usize, tag: &'static str| {
        (0..200).map(move |n| (from + n, format!("{tag}-{n}"), Some(format!("event-{}", old(n)))))
    };
    let missing = (0..5).map(|n| (EVENTS + 200 + n, format!("missing-{n}"), Some(format!("nobody-{n}"))));
    imports.import(LITTLE, first.chain(naming(EVENTS, "late")).chain(missing));
    let expected = |from: usize| (0..200).map(move |n| ((from + n) as i64, old(n) as i64));
    assert_eq!(imports.edges(), expected(EVENTS).collect::<Vec<_>>());
    assert_eq!((imports.count("resolution = 'orphaned'"), imports.count("resolution = 'waiting'")), (5, 0));
    assert!(imports.counter("causes_recalled") > 100 && imports.counter("ids_dropped") > 10_000);
    assert!(imports.counter("memory_bytes") < 2 << 20);
    assert_eq!(imports.count("conversation NOT IN (SELECT ref FROM event)"), 0);

    let again = EVENTS + 205;
    imports.import(LITTLE, naming(again, "later"));
    assert_eq!(imports.edges(), expected(EVENTS).chain(expected(again)).collect::<Vec<_>>());
    assert_eq!(imports.count("resolution = 'orphaned'"), 5);
}

/// Scenario: ids as long as may be, and ids of 1 MB that others name.
/// Guarantees: the former are ids as any other; the latter are none, are counted, and lead nowhere.
#[test]
fn an_id_of_a_megabyte_is_none_and_is_counted() {
    let mut imports = Imports::new("recall-long");
    let (long, huge) = ("x".repeat(1_024), "x".repeat(1 << 20));
    let name = |text: &str| Some(text.to_owned());
    let records = [
        (0, huge.clone(), None),
        (1, "a".into(), name(&huge)),
        (2, huge[1..].to_owned(), None),
        (3, long.clone(), None),
        (4, "b".into(), name(&long)),
    ];
    imports.import(64 << 20, records.into_iter());
    assert_eq!(imports.edges(), [(4, 3)]);
    assert_eq!(imports.count("resolution = 'unlinked'"), 4);
    assert_eq!(imports.counter("undecoded_malformed_id"), 3);
    assert!(std::fs::metadata(imports.database()).unwrap().len() < 8 << 20);
}

fn row(reference: EventRef, kind: Kind, id: Identifier, correlation: Option<Identifier>) -> EventRow {
    let time = Timestamp(1_795_226_341_597_000 + reference.0);
    EventRow {
        reference,
        time,
        record_time: time,
        seen_time: time,
        kind,
        resolution: Resolution::Unlinked,
        tombstone: false,
        profile: 0,
        producer: None,
        key_hash: None,
        conversation: EventRef(reference.0 / 2),
        key_bytes: 0,
        value_bytes: 0,
        id: Some(id),
        causation: None,
        correlation,
        trace: None,
        texts: None,
        cause: None,
    }
}

/// Scenario: events, copies and requests in a database, and questions for ids of all of them, some asked twice.
/// Guarantees: one answer each; copies answer for nobody; a request answers by its correlation id alone, also where that
/// repeats its own id; of several events under one id the first answers.
#[test]
fn the_database_answers_for_each_id_once() {
    let folder = Folder::new("recall-store");
    let (mut writer, _) = Writer::open(&folder.file("h.duckdb"), Settings::default()).unwrap();
    let id = |n: u64| Identifier { hi: n, lo: u64::MAX - n, spelling: Spelling::Uuid };
    let at = |n: i64| EventRef::new(Ordinal(0), n);
    let mut changes = Changes { at: Timestamp(1_795_226_341_597_000), ..Changes::default() };
    changes.events.push(&row(at(10), Kind::Event, id(1), None));
    changes.events.push(&row(at(12), Kind::Event, id(1), None));
    changes.events.push(&row(at(14), Kind::DeadLetter, id(2), None));
    changes.events.push(&row(at(16), Kind::Command, id(3), Some(id(4))));
    changes.events.push(&row(at(18), Kind::Command, id(5), Some(id(5))));
    writer.append(changes).unwrap();
    let asked =
        [(1, false), (2, false), (3, false), (3, true), (4, true), (4, false), (5, true), (1, false), (9, false)];
    let lost: Vec<LostCause> = asked
        .iter()
        .zip(100..)
        .map(|(&(n, request), child)| LostCause { effect: at(child), id: id(n), request })
        .collect();
    let found = writer.readers().lost_causes(&lost).unwrap();
    let cause = |n: i64| Some((at(n), EventRef(n / 2)));
    let expected = [cause(10), None, cause(16), None, cause(16), None, cause(18), cause(10), None];
    let expected: Vec<FoundCause> =
        expected.into_iter().zip(100..).map(|(cause, child)| FoundCause { effect: at(child), cause }).collect();
    assert_eq!(found, expected);
}

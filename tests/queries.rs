//! The SQL contract: what the views and macros are, and that they say what was written.

use headwater::event::{
    BusinessFlow, CauseRow, Changes, CounterRow, CoverageRow, EventRef, EventRow, Evidence, FailureKind, FailureRow,
    FailureState, GapReason, IdText, Identifier, Kind, Ordinal, OrphanReason, PartitionRow, ProducerRow, Profile,
    ProfileRow, ProgressMark, ProgressRow, ProgressState, Resolution, Settled, Timestamp, TopicClass, TopicPartition,
    TraceContext, TrialRow,
};
use headwater::report::Cell;
use headwater::store::{Error, Limits, Reader, Readers, Settings, Writer, query};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// 2024-01-01T00:00:00Z.
const T0: i64 = 1_704_067_200_000_000;
const SECOND: i64 = 1_000_000;

/// A folder of its own for each test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("headwater-queries-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn db(&self) -> PathBuf {
        self.0.join("h.duckdb")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn partition(ordinal: u32, topic: &str, number: i32, class: TopicClass) -> PartitionRow {
    let partition = Arc::new(TopicPartition {
        cluster: "main".into(),
        topic: topic.into(),
        topic_id: [ordinal as u8; 16],
        partition: number,
    });
    PartitionRow { ordinal: Ordinal(ordinal), partition, incarnation: 0, base: 0, class }
}

fn at(ordinal: u32, offset: i64) -> EventRef {
    EventRef::new(Ordinal(ordinal), offset)
}

fn event(reference: EventRef, seconds: i64, profile: i32, resolution: Resolution) -> EventRow {
    let time = Timestamp(T0 + seconds * SECOND);
    EventRow {
        reference,
        time,
        record_time: time,
        seen_time: Timestamp(time.0 + SECOND / 2),
        kind: Kind::Event,
        resolution,
        tombstone: false,
        profile,
        producer: None,
        key_hash: None,
        conversation: at(0, 0),
        key_bytes: 3,
        value_bytes: 200,
        id: None,
        causation: None,
        correlation: None,
        trace: None,
        texts: None,
        cause: None,
    }
}

fn uuid(text: &str) -> Identifier {
    Identifier::parse(text.as_bytes(), &headwater::event::HashKey([0; 16]))
}

fn failure(reference: EventRef, origin: EventRef, seconds: i64) -> FailureRow {
    FailureRow {
        reference,
        kind: FailureKind::DeadLetter,
        state: FailureState::Dead,
        origin: Some(origin),
        origin_evidence: Some(Evidence::FailureCoordinates),
        origin_confidence: Some(1.0),
        origin_topic: Some("orders".into()),
        origin_partition: Some(0),
        origin_offset: Some(origin.offset()),
        root: Some(at(0, 0)),
        consumer_group: Some("kitchen".into()),
        group_evidence: Some(headwater::event::GroupEvidence::Named),
        candidate_groups: Vec::new(),
        attempt: Some(3),
        error_class: Some("OvenError".into()),
        error_message: Some("no 'heat'\n\u{1b}[31m".into()),
        signature: "OvenError|kitchen|orders".into(),
        time: Timestamp(T0 + seconds * SECOND),
        orphan_reason: None,
        healed_by: None,
        healed_evidence: None,
        changed_at: Timestamp(T0 + seconds * SECOND + SECOND / 2),
        seen_time: Timestamp(T0 + seconds * SECOND + SECOND / 2),
        counted_time: Timestamp(T0),
        counted_profile: Some(1),
        root_profile: Some(0),
    }
}

fn coverage(ordinal: u32, seen: i64) -> CoverageRow {
    let mut missing = [0; GapReason::ALL.len()];
    missing[GapReason::Control as usize] = 1;
    missing[GapReason::Retention as usize] = 2;
    CoverageRow { ordinal: Ordinal(ordinal), first_offset: 0, next_offset: seen + 3, log_start: 0, seen, missing }
}

fn progress(group: &str, committed: Option<i64>, seconds: i64) -> ProgressRow {
    ProgressRow {
        committed_offset: committed,
        log_end_offset: 6,
        lag_offsets: committed.map(|c| 6 - c),
        lag_records: committed.map(|c| 6 - c),
        lag_ms: committed.map(|c| (6 - c) * 1000),
        state: if committed.is_some() { ProgressState::Stable } else { ProgressState::NeverCommitted },
        resolution_ms: 5000,
        ..ProgressRow::new(&group.into(), Ordinal(0), Timestamp(T0 + seconds * SECOND))
    }
}

fn marks(rows: &[ProgressRow]) -> Vec<ProgressMark> {
    let mark = |row: &ProgressRow| {
        Some(ProgressMark {
            consumer_group: row.consumer_group.clone(),
            ordinal: row.ordinal,
            committed_offset: row.committed_offset?,
            at: row.sampled_at,
            resolution_ms: row.resolution_ms,
        })
    };
    rows.iter().filter_map(mark).collect()
}

/// An order (root) causes a bake (caused by id) and, on another path, a dead letter; a waiting event names a cause that
/// was not seen; an inferred edge; ids in every spelling.
fn first() -> Changes {
    let mut changes = Changes { at: Timestamp(T0), ..Changes::default() };
    changes.partitions = vec![
        partition(0, "orders", 0, TopicClass::Business),
        partition(1, "orders", 1, TopicClass::Business),
        partition(2, "orders.DLT", 0, TopicClass::DeadLetter),
    ];
    let profile = |profile: i32, kind: &str| ProfileRow {
        profile,
        content: Profile { kind: kind.into(), source: String::new(), version: "1".into(), convention: "bare".into() },
    };
    changes.profiles = vec![profile(0, "OrderPlaced"), profile(1, "Baked"), profile(2, "")];
    changes.producers = vec![ProducerRow { producer: 0, cluster: "main".into(), producer_id: 4711, epoch: 2 }];
    let mut order = event(at(0, 0), 0, 0, Resolution::Root);
    order.id = Some(uuid("8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e"));
    order.correlation = Some(uuid("FB3E2F44-0C1D-4A6F-9B1E-2F3A4B5C6D7E"));
    order.trace = Some(TraceContext { trace_hi: u64::MAX - 1, trace_lo: 7, parent_id: u64::MAX });
    order.producer = Some(0);
    order.key_hash = Some(u64::MAX);
    order.record_time = Timestamp(T0 - SECOND);
    let mut baked = event(at(1, 0), 2, 1, Resolution::Caused);
    baked.id = Some(uuid("0000000000000000000000000000000a"));
    baked.causation = order.id;
    baked.cause = Some((at(0, 0), Evidence::CausationId));
    let mut dead = event(at(2, 0), 3, 2, Resolution::Caused);
    dead.kind = Kind::DeadLetter;
    dead.tombstone = true;
    let guessed = event(at(0, 1), 4, 1, Resolution::Inferred);
    for row in [&order, &baked, &dead, &guessed] {
        changes.events.push(row);
    }
    let mut waiting = event(at(1, 1), 5, 1, Resolution::Waiting { blocked: true });
    waiting.conversation = at(1, 1);
    waiting.id = Some(uuid("bake-1"));
    waiting.causation = Some(uuid("order-9"));
    let texts = IdText {
        id: Some("bake-1".into()),
        causation: Some("order-9".into()),
        correlation: None,
        malformed_trace: true,
        appended_trace: true,
    };
    waiting.texts = Some(Box::new(texts));
    changes.pending.push(&waiting);
    let edge = |effect, cause, evidence, confidence| CauseRow { effect, cause, evidence, confidence };
    changes.causes = vec![
        edge(at(2, 0), at(1, 0), Evidence::FailureCoordinates, 1.0),
        edge(at(0, 1), at(1, 0), Evidence::TraceOrder, 0.7),
    ];
    changes.failures = vec![failure(at(2, 0), at(1, 0), 3)];
    changes.coverage = vec![coverage(0, 2), coverage(1, 2), coverage(2, 1)];
    changes.progress = vec![progress("kitchen", Some(1), 10), progress("audit", None, 10)];
    changes.marks = marks(&changes.progress);
    changes.counters = vec![CounterRow { name: "clipped".into(), value: 3.0 }];
    changes
}

/// The waiting event turns out orphaned and of the order's conversation; the guessed one too; the group goes on.
fn second() -> Changes {
    Changes {
        settled: vec![Settled {
            reference: at(1, 1),
            resolution: Resolution::Orphaned(OrphanReason::NeverSeen),
            conversation: at(1, 1),
            cause: None,
        }],
        retracted: vec![Settled {
            reference: at(0, 1),
            resolution: Resolution::Caused,
            conversation: at(0, 0),
            cause: None,
        }],
        aliases: vec![(at(1, 1), at(0, 0))],
        failures: vec![FailureRow { orphan_reason: Some(OrphanReason::ContextLost), ..failure(at(2, 0), at(1, 0), 3) }],
        coverage: vec![coverage(0, 5)],
        progress: vec![progress("kitchen", Some(2), 20)],
        marks: marks(&[progress("kitchen", Some(2), 20)]),
        forgotten: vec![("audit".into(), Ordinal(0))],
        counters: vec![CounterRow { name: "clipped".into(), value: 4.0 }],
        at: Timestamp(T0 + 20 * SECOND),
        trials: vec![TrialRow {
            cause: (at(0, 0), 0),
            effect: (at(1, 0), 0),
            evidence: Evidence::TraceOrder,
            right: 8,
            wrong: 1,
            missed: 3,
            claimed: 7.2,
        }],
        ..Changes::default()
    }
}

/// What the business counts of them.
fn orders() -> BusinessFlow {
    let (name, started_by, completed_by) = ("orders".into(), "OrderPlaced".into(), "Baked".into());
    BusinessFlow { name, started_by, completed_by, within_ms: 1_000 }
}

fn open(folder: &Folder) -> (Writer, headwater::store::Restored) {
    Writer::open(&folder.db(), Settings::default()).unwrap()
}

fn filled(folder: &Folder) -> Writer {
    let (mut writer, _) = open(folder);
    writer.append(first()).unwrap();
    writer.append(second()).unwrap();
    writer
}

fn ask(reader: &Reader, sql: &str) -> Vec<Vec<Cell>> {
    let answer = reader.ask(sql, &[], Limits::default()).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert!(!answer.truncated);
    answer.table.rows
}

fn shown(rows: &[Vec<Cell>]) -> Vec<String> {
    let cell = |cell: &Cell| match cell {
        Cell::Null => "-".to_owned(),
        Cell::Bool(b) => b.to_string(),
        Cell::Int(n) => n.to_string(),
        Cell::Wide(n) => n.to_string(),
        Cell::Float(n) => n.to_string(),
        Cell::Time(t) => format!("{}s", (t - T0) as f64 / SECOND as f64),
        Cell::Text(text) => text.clone(),
        Cell::List(cells) => format!("{cells:?}"),
    };
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

fn asked(reader: &Reader, sql: &str) -> Vec<String> {
    shown(&ask(reader, sql))
}

/// Each macro with arguments that find something in the filled database, and how many rows it then gives.
const MACROS: [(&str, usize); 40] = [
    ("ancestors(2199023255552)", 2),
    ("audit()", 7),
    ("blast(2199023255552)", 5),
    ("blast_of('OvenError|kitchen|orders')", 5),
    ("failure_history(2199023255552)", 1),
    ("parked()", 1),
    ("redrive()", 1),
    ("failures(unattended := true, signature := 'OvenError|kitchen|orders', as_of := '2024-01-02')", 1),
    ("business(since := '2024-01-01')", 1),
    ("business_cases(since := '2024-01-01')", 1),
    ("business_flows()", 1),
    ("barrier_of(0)", 0),
    ("conversation_events(1099511627777)", 5),
    ("conversations(since := '2024-01-01')", 1),
    ("counts(since := '2024-01-01 00:00:01')", 3),
    ("deleted_of('0,1')", 0),
    ("duplicates(until := '2030-01-01')", 0),
    ("effects(0)", 3),
    ("failed(since := '2024-01-01')", 1),
    ("failures(since := '2024-01-01', orphans := true)", 1),
    ("find_coordinates('orders', 1, 0)", 1),
    ("find_value(-342784552326051217, -7269320821110444674)", 1),
    ("find_value(-8413235084573980049, -7269320821110444674)", 2),
    ("find_key(-1)", 1),
    ("find_value(1, 2)", 0),
    ("find_text('order-9')", 1),
    ("find_value(-2, 7, at_most := 5)", 1),
    ("lag()", 1),
    ("orphans()", 2),
    ("passage(0)", 1),
    ("passed(step_ms := 3600000)", 0),
    ("received(step_ms := 3600000)", 3),
    ("rewinds(since := '2024-01-01')", 0),
    ("trace_edges(0)", 3),
    ("trace_failures(0)", 1),
    ("trace_nodes(1099511627776)", 5),
    ("failures()", 1),
    ("totals(until := '2024-01-02')", 1),
    ("waiting('kitchen', topic := 'orders')", 0),
    ("waiting_types('kitchen')", 0),
];

/// Guarantees: no SQL file is unused, and none is used that is not there.
#[test]
fn every_file_of_the_folders_is_named() {
    let folders: [(&str, &[query::Query]); 6] = [
        ("migrate", query::migrate::ALL),
        ("private", query::private::ALL),
        ("views", query::views::ALL),
        ("reports", query::reports::ALL),
        ("write", query::write::ALL),
        ("ask", query::ask::ALL),
    ];
    for (folder, named) in folders {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries").join(folder);
        let found: BTreeSet<String> = std::fs::read_dir(path)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let named: BTreeSet<String> = named.iter().map(|query| query.name.to_owned()).collect();
        assert_eq!(found, named, "{folder}");
    }
}

/// Guarantees: views and macros have exactly the columns and types of the golden file. To accept a change of the
/// contract, run with `HEADWATER_UPDATE_GOLDEN=1` and review the difference.
#[test]
fn the_contract_is_the_golden_file() {
    let folder = Folder::new("contract");
    let (writer, _) = open(&folder);
    let reader = writer.readers().reader().unwrap();
    let mut contract = String::new();
    let views = query::views::ALL.iter().map(|view| view.name.to_owned());
    for subject in views.chain(MACROS.iter().map(|(call, _)| (*call).to_owned())) {
        let name = subject.split('(').next().unwrap();
        if contract.contains(&format!("\n{name}\n")) {
            continue;
        }
        contract.push_str(&format!("\n{name}\n"));
        for row in ask(&reader, &format!("DESCRIBE FROM {subject}")) {
            contract.push_str(&format!("  {}\n", shown(&[row[..2].to_vec()])[0]));
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/contract.txt");
    if std::env::var_os("HEADWATER_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &contract).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), contract);
    let covered: BTreeSet<&str> = MACROS.iter().map(|(call, _)| call.split('(').next().unwrap()).collect();
    assert_eq!(covered, query::reports::ALL.iter().map(|query| query.name).collect());
}

/// Guarantees: whoever looks at the catalogue reads what each thing is; a macro's comment names its columns.
#[test]
fn everything_public_has_a_comment() {
    let folder = Folder::new("comments");
    let (writer, _) = open(&folder);
    let reader = writer.readers().reader().unwrap();
    for view in query::views::ALL {
        let silent = asked(
            &reader,
            &format!(
                "SELECT column_name FROM duckdb_columns() WHERE table_name = '{0}' AND comment IS NULL
                 UNION ALL SELECT view_name FROM duckdb_views() WHERE view_name = '{0}' AND comment IS NULL",
                view.name
            ),
        );
        assert!(silent.is_empty(), "{}: {silent:?}", view.name);
    }
    for (call, _) in MACROS {
        let name = call.split('(').next().unwrap();
        let comment = asked(
            &reader,
            &format!("SELECT comment FROM duckdb_functions() WHERE function_name = '{name}' AND NOT internal"),
        )
        .join("");
        if comment.contains("the columns of") {
            continue;
        }
        for row in ask(&reader, &format!("DESCRIBE FROM {call}")) {
            let Cell::Text(column) = &row[0] else { panic!() };
            assert!(comment.contains(column.as_str()), "{name} does not explain {column}: {comment}");
        }
    }
}

/// Guarantees: every macro answers on an empty database, and finds what is there on a filled one.
#[test]
fn macros_answer_on_an_empty_and_on_a_filled_database() {
    let folder = Folder::new("macros");
    let (mut writer, _) = open(&folder);
    let readers = writer.readers();
    for (call, _) in MACROS {
        // A headline stands over nothing, too.
        let rows = usize::from(call.starts_with("totals"));
        assert_eq!(ask(&readers.reader().unwrap(), &format!("FROM {call}")).len(), rows, "{call}");
    }
    writer.append(first()).unwrap();
    writer.append(second()).unwrap();
    writer.configure(&[orders()]).unwrap();
    for (call, rows) in MACROS {
        let found = asked(&readers.reader().unwrap(), &format!("FROM {call}"));
        assert_eq!(found.len(), rows, "{call}: {found:#?}");
    }
}

/// Guarantees: trials add up over commits, pair by pair, and say what share was right.
#[test]
fn audit_adds_up_what_was_tried() {
    let folder = Folder::new("audit");
    let mut writer = filled(&folder);
    let trial = TrialRow { right: 12, wrong: 0, missed: 0, claimed: 10.8, ..second().trials[0] };
    writer.append(Changes { trials: vec![trial], ..Changes::default() }).unwrap();
    let told = asked(
        &writer.readers().reader().unwrap(),
        "SELECT subject, evidence, tried, right_ones, wrong_ones, missed_ones, round(precision, 3), round(recall, 3),
            round(claimed, 3)
         FROM audit() WHERE subject = 'inference'",
    );
    assert_eq!(told, ["inference trace_order 24 20 1 3 0.952 0.833 0.857"]);
}

/// Guarantees: headwater's own questions take their values as parameters.
#[test]
fn named_questions_answer() {
    let folder = Folder::new("questions");
    let writer = filled(&folder);
    let reader = writer.readers().reader().unwrap();
    let rows = |query: &query::Query, values: &[Cell]| {
        reader
            .answer(query, values, Limits::default())
            .unwrap_or_else(|e| panic!("{}: {e}", query.name))
            .table
            .rows
            .len()
    };
    let failures = |since: Cell, signature: Cell, at: Cell| {
        rows(&query::ask::FAILURES, &[since, Cell::Null, Cell::Bool(false), Cell::Bool(false), signature, at])
    };
    let signature = Cell::Text("OvenError|kitchen|orders".into());
    assert_eq!(failures(Cell::Null, Cell::Null, Cell::Null), 1);
    assert_eq!(failures(Cell::Time(T0 + 60 * SECOND), Cell::Null, Cell::Null), 0);
    assert_eq!(failures(Cell::Null, signature.clone(), Cell::Time(T0 + 60 * SECOND)), 1);
    assert_eq!(failures(Cell::Null, Cell::Null, Cell::Time(T0)), 0, "it was not seen yet");
    assert_eq!(rows(&query::ask::SIGNATURE_SAMPLES, &[signature.clone(), Cell::Int(5)]), 1);
    assert_eq!(rows(&query::ask::FAILURE_ATTEMPTS, &[Cell::Int(at(2, 0).0), Cell::Int(5)]), 2);
    assert_eq!(rows(&query::ask::SIGNATURE_FACTS, std::slice::from_ref(&signature)), 5);
    assert_eq!(rows(&query::ask::BLAST_OF, &[signature]), 5);
    assert_eq!(rows(&query::ask::COUNTS, &[Cell::Time(T0), Cell::Null]), 3);
    let open = [Cell::Null, Cell::Null];
    let any_flow = [Cell::Null, Cell::Null, Cell::Null];
    assert_eq!(rows(&query::ask::TOTALS, &open), 1);
    assert_eq!(rows(&query::ask::MINUTES, &open), 3);
    assert_eq!(rows(&query::ask::PASSED_MINUTES, &open), 1);
    assert_eq!(rows(&query::ask::FLOWS, &[]), 3);
    assert_eq!(rows(&query::ask::FAILURES_IN, &[Cell::Null, Cell::Time(T0), Cell::Bool(false)]), 0);
    assert_eq!(rows(&query::ask::BUSINESS_FLOWS, &[]), 0);
    assert_eq!(rows(&query::ask::BUSINESS, &any_flow), 0);
    assert_eq!(rows(&query::ask::BUSINESS_CASES, &any_flow), 0);
    let node = [Cell::Int(at(1, 0).0)];
    for (query, count) in [
        (&query::ask::ANCESTORS, 1),
        (&query::ask::EFFECTS, 2),
        (&query::ask::CONVERSATION_SCOPE, 1),
        (&query::ask::SCOPE_OF, 1),
        (&query::ask::CONVERSATION_EVENTS, 0),
    ] {
        assert_eq!(rows(query, &node), count, "{}", query.name);
    }
    let scope = reader.ask(query::ask::CONVERSATION_SCOPE.sql, &node, Limits::default()).unwrap().table.rows.remove(0);
    for (query, count) in
        [(&query::ask::NODES_WITHIN, 5), (&query::ask::EDGES_WITHIN, 3), (&query::ask::SIZE_WITHIN, 1)]
    {
        assert_eq!(rows(query, &scope), count, "{}", query.name);
    }
    let most = |n: i64| [scope[0].clone(), scope[1].clone(), Cell::Int(n)];
    for query in [&query::ask::FAILURES_WITHIN, &query::ask::POINTS_WITHIN, &query::ask::LINKS_WITHIN] {
        assert_eq!(rows(query, &most(10)), 1, "{}", query.name);
        assert_eq!(rows(query, &most(0)), 0, "{}", query.name);
    }
    let some = [Cell::Text(format!("{},{}", at(1, 0).0, at(2, 0).0)), scope[1].clone()];
    assert_eq!((rows(&query::ask::NODES_OF, &some), rows(&query::ask::EDGES_OF, &some)), (2, 2));
    assert_eq!(rows(&query::ask::NAMES_OF, &[Cell::Text("0,1,2".into()), Cell::Text("0,2".into())]), 4);
    assert_eq!(rows(&query::ask::PASSAGES_OF, &[Cell::Text(at(1, 0).0.to_string())]), 1);
    let place = [Cell::Text("orders".into()), Cell::Int(0), Cell::Int(1)];
    assert_eq!(rows(&query::ask::FIND_COORDINATES, &place), 1);
    assert_eq!(rows(&query::ask::FIND_COORDINATES, &[Cell::Text("' OR 1=1 --".into()), Cell::Int(0), Cell::Int(0)]), 0);
    assert_eq!(rows(&query::ask::FIND_VALUE, &[Cell::Int(-2), Cell::Int(7)]), 1);
    assert_eq!(rows(&query::ask::FIND_KEY, &[Cell::Int(-1)]), 1);
    assert_eq!(rows(&query::ask::LAG, &[]), 1);
    assert_eq!(rows(&query::ask::ORPHANS, &[]), 2);
    assert_eq!(rows(&query::ask::COVERAGE, &[]), 9);
}

/// Guarantees: the words in SQL are the words of the program.
#[test]
fn names_in_sql_are_the_names_in_the_program() {
    let folder = Folder::new("names");
    let (writer, _) = open(&folder);
    let reader = writer.readers().reader().unwrap();
    let check = |function: &str, names: &[&str]| {
        for (number, name) in names.iter().enumerate() {
            assert_eq!(asked(&reader, &format!("SELECT {function}({number})")), [*name], "{function}");
        }
        assert_eq!(asked(&reader, &format!("SELECT {function}({})", names.len())), ["-"], "{function}");
    };
    check("kind_name", &Kind::NAMES);
    check("resolution_name", &Resolution::NAMES);
    check("orphan_reason_name", &OrphanReason::NAMES);
    check("evidence_name", &Evidence::ALL.map(Evidence::as_str));
    check("gap_name", &GapReason::ALL.map(GapReason::as_str));
    for evidence in Evidence::ALL {
        let class = format!("{:?}", evidence.class()).to_lowercase();
        assert_eq!(asked(&reader, &format!("SELECT class_name(evidence_rank({}))", evidence as u8)), [class]);
    }
}

/// Guarantees: what was written is what the views say, ids as their producers wrote them.
#[test]
fn views_say_what_was_written() {
    let folder = Folder::new("views");
    let (mut writer, _) = open(&folder);
    writer.append(first()).unwrap();
    let reader = writer.readers().reader().unwrap();
    assert_eq!(
        asked(
            &reader,
            r#"SELECT topic, partition, "offset", time, record_time, seen_time, kind, type, source, id, key_hash, trace_id,
                 span_id, correlation_id, causation_id, producer, resolution, orphan_reason, tombstone
               FROM event ORDER BY time"#
        ),
        [
            "orders 0 0 0s -1s 0.5s event OrderPlaced - 8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e -1 \
             fffffffffffffffe0000000000000007 ffffffffffffffff FB3E2F44-0C1D-4A6F-9B1E-2F3A4B5C6D7E - 0 root - false",
            "orders 1 0 2s 2s 2.5s event Baked - 0000000000000000000000000000000a - - - - \
             8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e - caused - false",
            "orders.DLT 0 0 3s 3s 3.5s dead_letter - - - - - - - - - caused - true",
            "orders 0 1 4s 4s 4.5s event Baked - - - - - - - - inferred - false",
            "orders 1 1 5s 5s 5.5s event Baked - bake-1 - - - - order-9 - waiting barrier_blocked false",
        ]
    );
    assert_eq!(
        asked(&reader, "SELECT evidence, class, confidence FROM cause ORDER BY evidence"),
        ["causation_id declared 1", "failure_coordinates declared 1", "trace_order inferred 0.7"]
    );
    assert_eq!(
        asked(&reader, "SELECT topic, class, partitions, received, first_time, last_time, types FROM topic ORDER BY 1"),
        ["orders business 2 4 0s 5s 2", "orders.DLT dead_letter 1 1 3s 3s 0"]
    );
    assert_eq!(
        asked(
            &reader,
            "SELECT reason, first_offset, next_offset, seen, missing FROM coverage WHERE topic = 'orders' AND partition = 0 ORDER BY reason NULLS FIRST"
        ),
        ["- 0 5 2 0", "control 0 5 0 1", "retention 0 5 0 2"]
    );
    assert_eq!(
        asked(&reader, "SELECT producer_id, epoch, topics, records, first_time FROM producer"),
        ["4711 2 1 1 0s"]
    );
    assert_eq!(asked(&reader, "FROM tap"), ["clipped 3"]);
    assert_eq!(
        asked(&reader, "SELECT kind, state, origin_evidence, root, attempt, error_message, attended_by FROM failure"),
        ["dead_letter dead failure_coordinates 0 3 no 'heat'\n\u{1b}[31m -"]
    );
}

/// Guarantees: a verdict moves an event once, a retraction changes it in place, nothing is doubled.
#[test]
fn verdicts_settle_and_are_retracted() {
    let folder = Folder::new("settle");
    let writer = filled(&folder);
    let reader = writer.readers().reader().unwrap();
    assert_eq!(asked(&reader, "SELECT count(*), count(DISTINCT ref) FROM event"), ["5 5"]);
    assert_eq!(
        asked(
            &reader,
            "SELECT resolution, orphan_reason, id FROM event WHERE topic = 'orders' AND \"offset\" = 1 ORDER BY partition"
        ),
        ["caused - -", "orphaned never_seen bake-1"]
    );
    assert_eq!(asked(&reader, "SELECT count(*) FROM failure WHERE orphan_reason = 'context_lost'"), ["1"]);
    assert_eq!(asked(&reader, "FROM tap"), ["clipped 4"]);
    assert_eq!(asked(&reader, "SELECT consumer_group, committed_offset FROM progress"), ["kitchen 2"]);
    assert_eq!(
        asked(&reader, "SELECT seen FROM coverage WHERE reason IS NULL ORDER BY partition, topic"),
        ["5", "1", "2"]
    );
    assert_eq!(
        asked(&reader, "SELECT coordinates, class FROM effects(0) ORDER BY 1"),
        ["orders.DLT/0/0 declared", "orders/0/1 inferred", "orders/1/0 declared"]
    );
}

/// Guarantees: a group passed an event between the last sample that was short of it and the first beyond it.
#[test]
fn passage_is_bracketed_by_samples() {
    let folder = Folder::new("passage");
    let (mut writer, _) = open(&folder);
    writer.append(first()).unwrap();
    let mut sample = |committed, seconds| {
        let progress = vec![progress("kitchen", committed, seconds)];
        let (marks, at) = (marks(&progress), Timestamp(T0 + seconds * SECOND));
        writer.append(Changes { progress, marks, at, ..Changes::default() }).unwrap();
    };
    sample(Some(1), 15);
    sample(Some(3), 30);
    sample(Some(4), 40);
    let reader = writer.readers().reader().unwrap();
    let passage = |offset: i64| {
        let sql =
            format!("SELECT consumer_group, state, committed_offset, not_before, not_after FROM passage({offset})");
        asked(&reader, &sql)
    };
    assert_eq!(passage(0), ["audit not_reached - - -", "kitchen passed 4 - 10s"], "beyond it at the first sample");
    assert_eq!(passage(1), ["audit not_reached - - -", "kitchen passed 4 25s 30s"]);
    assert_eq!(passage(3), ["audit not_reached - - -", "kitchen passed 4 35s 40s"]);
    assert_eq!(passage(4), ["audit not_reached - - -", "kitchen not_reached 4 - -"]);
}

/// Guarantees: edges in a circle do not hang a walk.
#[test]
fn walks_end_on_circles() {
    let folder = Folder::new("circle");
    let mut writer = filled(&folder);
    let circle = CauseRow { effect: at(0, 0), cause: at(2, 0), evidence: Evidence::CausationId, confidence: 1.0 };
    let alias = (at(0, 0), at(1, 1));
    writer.append(Changes { causes: vec![circle], aliases: vec![alias], ..Changes::default() }).unwrap();
    let reader = writer.readers().reader().unwrap();
    assert_eq!(asked(&reader, "SELECT coordinates FROM ancestors(0) ORDER BY 1"), ["orders.DLT/0/0", "orders/1/0"]);
    assert_eq!(asked(&reader, "SELECT count(*) FROM trace_nodes(0)"), ["5"]);
}

/// Guarantees: after a restart nothing has to be read from Kafka again.
#[test]
fn a_restart_gives_everything_back() {
    let folder = Folder::new("restart");
    let (mut writer, empty) = open(&folder);
    assert!(empty.partitions.is_empty() && empty.coverage.is_empty());
    let written = first();
    writer.append(written.clone()).unwrap();
    writer.close().unwrap();
    let (mut writer, restored) = open(&folder);
    assert!(restored.id_key == empty.id_key);
    assert_eq!(restored.partitions, written.partitions);
    assert_eq!(restored.profiles, written.profiles);
    assert_eq!(restored.producers, written.producers);
    assert_eq!(restored.coverage, written.coverage);
    assert_eq!(restored.failures, written.failures);
    assert_eq!(restored.counters, written.counters);
    let mut progress = written.progress.clone();
    progress.reverse();
    assert_eq!(restored.progress, progress);
    let waiting = &restored.pending[0];
    assert_eq!(restored.pending.len(), 1);
    assert_eq!((waiting.reference, waiting.resolution), (at(1, 1), Resolution::Waiting { blocked: true }));
    assert_eq!(waiting.texts.as_ref().unwrap().causation.as_deref(), Some("order-9"));
    assert_eq!(waiting.causation, Some(uuid("order-9")));
    assert_eq!(waiting.seen_time.0, T0 + 5 * SECOND + SECOND / 2);
    let mut recent = Vec::new();
    writer.recent_events(4, &mut |event| recent.push(event)).unwrap();
    let references: Vec<_> = recent.iter().map(|event| event.reference).collect();
    assert_eq!(references, [at(1, 0), at(2, 0), at(0, 1)], "of the latest four those that are settled, oldest first");
    assert_eq!(recent.iter().map(|event| event.cause).collect::<Vec<_>>(), [Some(at(0, 0)), None, None]);
    recent.clear();
    writer.recent_events(100, &mut |event| recent.push(event)).unwrap();
    assert_eq!(recent[0].trace, Some(TraceContext { trace_hi: u64::MAX - 1, trace_lo: 7, parent_id: u64::MAX }));
    assert_eq!(recent[0].id.unwrap().text().unwrap(), "8b3e2f44-0c1d-4a6f-9b1e-2f3a4b5c6d7e");
    assert_eq!((recent[0].kind, recent[0].resolution), (Kind::Event, Resolution::Root));
    writer.append(second()).unwrap();
    writer.close().unwrap();
    let (writer, restored) = open(&folder);
    assert!(restored.pending.is_empty());
    let mut orphans = Vec::new();
    writer.recent_orphans(100, &mut |row| orphans.push((row.reference, row.causation, row.resolution))).unwrap();
    assert_eq!(orphans, [(at(1, 1), Some(uuid("order-9")), Resolution::Orphaned(OrphanReason::NeverSeen))]);
    assert_eq!(restored.aliases, [(at(1, 1), at(0, 0))]);
}

/// Scenario: the machine dies at any byte of the second commit's log.
/// Guarantees: rows and read positions of a commit are there together or not at all.
#[test]
fn a_torn_log_loses_whole_commits_only() {
    let folder = Folder::new("torn");
    let log = PathBuf::from(format!("{}.wal", folder.db().display()));
    let (mut writer, _) = open(&folder);
    writer.append(first()).unwrap();
    let one = std::fs::metadata(&log).unwrap().len();
    writer.append(second()).unwrap();
    let two = std::fs::metadata(&log).unwrap().len();
    assert!(two > one);
    let torn = Folder::new("torn-copy");
    for cut in (one..=two).step_by(((two - one) / 16).max(1) as usize).chain([two]) {
        for file in [torn.db(), PathBuf::from(format!("{}.wal", torn.db().display()))] {
            let _ = std::fs::remove_file(file);
        }
        std::fs::copy(folder.db(), torn.db()).unwrap();
        let bytes = std::fs::read(&log).unwrap();
        std::fs::write(format!("{}.wal", torn.db().display()), &bytes[..cut as usize]).unwrap();
        let (_, restored) = open(&torn);
        let position = restored.coverage[0].next_offset;
        let whole = (restored.pending.len(), restored.aliases.len(), position);
        assert!(whole == (1, 0, 5) || (cut == two && whole == (0, 1, 8)), "cut at {cut} of {two}: {whole:?}");
    }
}

/// Guarantees: a question reads, or is refused; nothing it tries leaves a trace.
#[test]
fn hostile_questions_are_refused() {
    let folder = Folder::new("hostile");
    let writer = filled(&folder);
    let readers = writer.readers();
    let other = folder.0.join("other.duckdb");
    let attach = format!("ATTACH '{}'", other.display());
    let copy = format!("COPY (SELECT 1) TO '{}'", other.display());
    for sql in [
        "DELETE FROM event_row",
        "SELECT 1; DELETE FROM event_row",
        "COMMIT; DELETE FROM event_row; SELECT 1",
        "ROLLBACK; DROP TABLE event_row; SELECT 1",
        "EXPLAIN ANALYZE DELETE FROM event_row",
        "EXPLAIN SELECT 1; COMMIT; DROP TABLE event_row; SELECT 1",
        "WITH a AS (SELECT 1) DELETE FROM event_row",
        "CREATE TABLE x (a INT)",
        "CREATE TEMP TABLE x (a INT)",
        "SET threads = 1",
        "RESET threads",
        "PRAGMA enable_profiling",
        "CALL force_checkpoint()",
        "CHECKPOINT",
        "SELECT * FROM checkpoint()",
        "SELECT * FROM force_checkpoint /* x */ -- y\n ()",
        "SELECT * FROM \"enable_logging\"()",
        "SELECT * FROM query('SELECT * FROM check' || 'point()')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "BEGIN",
        "",
        ";",
        "-- ping",
        "SELECT 'a\0b'",
        attach.as_str(),
        copy.as_str(),
    ] {
        let refused = readers.reader().unwrap().ask(sql, &[], Limits::default());
        assert!(matches!(refused, Err(Error::Refused { .. } | Error::Question { .. })), "{sql}: {refused:?}");
    }
    assert!(!other.exists());
    let reader = readers.reader().unwrap();
    assert_eq!(asked(&reader, "SELECT count(*) FROM event"), ["5"]);
    assert_eq!(asked(&reader, "SELECT 'checkpoint' -- query"), ["checkpoint"]);
    assert_eq!(asked(&reader, "VALUES (1), (2);"), ["1", "2"]);
    assert!(!ask(&reader, "EXPLAIN SELECT * FROM event").is_empty());
    assert_eq!(asked(&reader, "SUMMARIZE SELECT 1 AS a").len(), 1);
    assert!(asked(&reader, "SHOW TABLES").len() > 10);
}

/// Guarantees: parameters arrive with their types, and every DuckDB type has a cell.
#[test]
fn values_go_in_and_come_out() {
    let folder = Folder::new("values");
    let (writer, _) = open(&folder);
    let reader = writer.readers().reader().unwrap();
    let values = [
        Cell::Null,
        Cell::Bool(true),
        Cell::Int(i64::MIN),
        Cell::Wide(i128::MAX),
        Cell::Float(0.5),
        Cell::Time(T0),
        Cell::Text("ü'\u{1f355}".into()),
    ];
    let sql = "SELECT $1, $2, $3, $4, $5, $6, $7";
    let answer = reader.ask(sql, &values, Limits::default()).unwrap();
    assert_eq!(answer.table.rows, [values.to_vec()]);
    let odd = ask(
        &reader,
        "SELECT sum(x), 1.5::DECIMAL(9, 2), DATE '2024-01-01', TIME '10:00:00', INTERVAL 1 DAY, uuid(), {'a': 1}, MAP {'k': 1},
                [1, 2], ['a', NULL], 'a'::BLOB, 1::UBIGINT, 'x'::ENUM ('x', 'y'), '101'::BIT, union_value(n := 1),
                '10:00:00+02'::TIMETZ, 'infinity'::TIMESTAMP, 170141183460469231731687303715884105727::HUGEINT, NULL
         FROM range(3) t(x)",
    );
    assert_eq!(odd[0][0], Cell::Wide(3));
    assert_eq!(odd[0][1], Cell::Float(1.5));
    assert_eq!(odd[0][2], Cell::Text("2024-01-01".into()));
    assert_eq!(odd[0][9], Cell::List(vec![Cell::Text("a".into()), Cell::Null]));
    assert_eq!(odd[0][17], Cell::Wide(i128::MAX));
    let columns = reader.describe("SELECT count(*) AS n, 'a' AS t, sum(1) AS s FROM event").unwrap();
    let names: Vec<_> = columns.iter().map(|column| (column.name.as_str(), format!("{:?}", column.kind))).collect();
    let expected = [("n", "BigInt"), ("t", "Text"), ("s", "HugeInt")].map(|(n, k)| (n, k.to_owned()));
    assert_eq!(names, expected);
    let columns = reader.describe("SELECT ref, $1::VARCHAR AS v FROM event WHERE topic = $2 AND time > $3").unwrap();
    assert_eq!(columns.len(), 2);
}

/// Guarantees: rows and time of a question are bounded, and the reader is fit for the next one.
#[test]
fn questions_are_bounded() {
    let folder = Folder::new("bounds");
    let (writer, _) = open(&folder);
    let readers = writer.readers();
    let reader = readers.reader().unwrap();
    let limits = Limits { rows: 3000, deadline: Duration::from_secs(60) };
    let cut = reader.ask("FROM range(1000000)", &[], limits).unwrap();
    assert_eq!((cut.table.rows.len(), cut.truncated), (3000, true));
    let all = reader.ask("FROM range(3000)", &[], limits).unwrap();
    assert_eq!((all.table.rows.len(), all.truncated), (3000, false));
    let endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7";
    let late = reader.ask(endless, &[], Limits { rows: 1, deadline: Duration::from_millis(50) });
    assert!(matches!(late, Err(Error::Deadline { .. })), "{late:?}");
    let canceller = reader.canceller();
    let (cancelled, reader) = std::thread::scope(|scope| {
        let asking = scope.spawn(move || (reader.ask(endless, &[], Limits::default()), reader));
        while !asking.is_finished() {
            canceller.cancel();
            std::thread::yield_now();
        }
        asking.join().unwrap()
    });
    assert!(matches!(cancelled, Err(Error::Interrupted)), "{cancelled:?}");
    assert_eq!(asked(&reader, "SELECT 1"), ["1"]);
    let others: Vec<_> = (1..headwater::store::MAX_READERS).map(|_| readers.reader().unwrap()).collect();
    assert_eq!(others.len() + 1, headwater::store::MAX_READERS);
}

/// Scenario: readers hold the memory that the writer needs.
/// Guarantees: the reader is interrupted, the commit succeeds.
#[test]
fn a_greedy_question_does_not_hurt_the_writer() {
    let folder = Folder::new("greedy");
    let settings = Settings { threads: 2, memory: 200 << 20 };
    let (mut writer, _) = Writer::open(&folder.db(), settings).unwrap();
    writer.append(first()).unwrap();
    let readers = writer.readers();
    let greedy = "SELECT max(len(l)) FROM (SELECT list(repeat('x', 100) || a.range) AS l FROM range(100000000) a GROUP BY a.range % 1000003)";
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| readers.reader().unwrap().ask(greedy, &[], Limits::default()));
        let mut commits = 0;
        while !asking.is_finished() {
            let counters = vec![CounterRow { name: "commits".into(), value: f64::from(commits) }];
            writer.append(Changes { counters, ..Changes::default() }).unwrap();
            commits += 1;
        }
        let answer = asking.join().unwrap();
        assert!(answer.is_err(), "{answer:?}");
        assert!(commits > 0);
    });
    writer.append(second()).unwrap();
    assert_eq!(asked(&readers.reader().unwrap(), "SELECT count(*) FROM event"), ["5"]);
}

/// Guarantees: one process writes; the others are told who, and what to do.
#[test]
fn a_closed_file_is_read_and_a_missing_one_is_named() {
    let folder = Folder::new("file");
    let missing = Readers::open_file(&folder.db(), Settings::default()).err().unwrap();
    assert!(matches!(missing, Error::Missing { .. }) && missing.to_string().contains("--db"), "{missing}");
    filled(&folder).close().unwrap();
    let readers = Readers::open_file(&folder.db(), Settings::default()).unwrap();
    assert_eq!(asked(&readers.reader().unwrap(), "SELECT count(*) FROM event"), ["5"]);
    let refused = readers.reader().unwrap().ask("DELETE FROM event_row", &[], Limits::default());
    assert!(refused.is_err());
}

/// Guarantees: the file and its log are their owner's.
#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("rights");
    let _writer = filled(&folder);
    for file in std::fs::read_dir(&folder.0).unwrap() {
        let file = file.unwrap();
        let found = file.metadata().unwrap();
        let owners = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o777, owners, "{:?}", file.path());
    }
}

/// Guarantees: any 64-bit time is stored as one that can be shown, and counted.
#[test]
fn impossible_times_are_clamped_and_counted() {
    let folder = Folder::new("times");
    let (mut writer, _) = open(&folder);
    let mut changes = first();
    for (offset, time) in [(10, i64::MIN), (11, i64::MAX), (12, 0)] {
        let row = EventRow {
            time: Timestamp(time),
            record_time: Timestamp(time),
            ..event(at(0, offset), 0, 0, Resolution::Root)
        };
        changes.events.push(&row);
    }
    writer.append(changes).unwrap();
    let reader = writer.readers().reader().unwrap();
    assert_eq!(asked(&reader, "SELECT value FROM tap WHERE name = 'times_clamped'"), ["2"]);
    assert_eq!(
        asked(&reader, "SELECT CAST(min(time) AS VARCHAR), CAST(max(time) AS VARCHAR) FROM event"),
        ["0001-01-01 00:00:00 9999-12-31 23:59:59.999999"]
    );
}

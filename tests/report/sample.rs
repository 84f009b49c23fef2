//! Two summaries made by hand: an incident in a shop with two flows, and a database that holds nothing.

use headwater::event::Timestamp;
use headwater::report::summary::{Answers, Asked, Summary, Window};
use headwater::report::{Cell, Column, ColumnType, Table};

/// 2025-11-20 12:00 UTC.
pub const NOON: i64 = 1_763_640_000_000_000;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// A value of a fixture.
pub enum Value {
    Text(String),
    Number(i64),
    Real(f64),
    Bool(bool),
    Time(i64),
    Trend([i64; 12]),
    None,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Number(n)
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Self::Real(n)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl Value {
    fn kind(&self) -> Option<ColumnType> {
        Some(match self {
            Self::Text(_) => ColumnType::Text,
            Self::Number(_) => ColumnType::BigInt,
            Self::Real(_) => ColumnType::Float,
            Self::Bool(_) => ColumnType::Bool,
            Self::Time(_) => ColumnType::Time,
            Self::Trend(_) => ColumnType::TextList,
            Self::None => return None,
        })
    }

    fn cell(&self) -> Cell {
        match self {
            Self::Text(text) => Cell::Text(text.clone()),
            Self::Number(n) => Cell::Int(*n),
            Self::Real(n) => Cell::Float(*n),
            Self::Bool(b) => Cell::Bool(*b),
            Self::Time(us) => Cell::Time(*us),
            Self::Trend(n) => Cell::List(n.iter().map(|n| Cell::Int(*n)).collect()),
            Self::None => Cell::Null,
        }
    }
}

fn table(columns: &[&str], rows: Vec<Vec<Value>>) -> Table {
    let kind = |at: usize| rows.iter().find_map(|row| row[at].kind()).unwrap_or(ColumnType::Text);
    let columns = columns.iter().enumerate();
    Table {
        columns: columns.map(|(at, name)| Column { name: (*name).to_owned(), kind: kind(at) }).collect(),
        rows: rows.iter().map(|row| row.iter().map(Value::cell).collect()).collect(),
    }
}

macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$(Value::from($value)),*] };
}

const TOTALS: [&str; 18] = [
    "received",
    "passed",
    "failed",
    "healed",
    "dead",
    "retrying",
    "orphaned_failures",
    "unattended",
    "retried",
    "waiting",
    "orphaned",
    "topics",
    "groups",
    "seen",
    "missing",
    "coverage",
    "first_time",
    "last_time",
];
const COUNTS: [&str; 16] = [
    "cluster",
    "topic",
    "incarnation",
    "class",
    "consumer_group",
    "received",
    "passed",
    "failed",
    "healed",
    "retried",
    "waiting",
    "orphaned",
    "unlinked",
    "seen",
    "missing",
    "coverage",
];
const FAILURES: [&str; 17] = [
    "failures",
    "first_time",
    "last_time",
    "consumer_group",
    "error_class",
    "error_message",
    "origin_topic",
    "root_type",
    "dead",
    "retrying",
    "healed",
    "orphaned",
    "unattended",
    "sample_ref",
    "sample",
    "signature",
    "trend",
];
const LAG: [&str; 28] = [
    "consumer_group",
    "topic",
    "lag_offsets",
    "lag_records",
    "lag_ms",
    "waiting_events",
    "state",
    "worst_partition",
    "worst_committed_offset",
    "sampled_at",
    "cluster",
    "waiting_conversations",
    "oldest_ms",
    "waiting_value",
    "value_field",
    "value_events",
    "waiting_at_most",
    "velocity",
    "eta_ms",
    "loses_data_in_ms",
    "lost_offsets",
    "kind",
    "members",
    "in_order",
    "coordinates",
    "partitions",
    "partitions_known",
    "resolution_ms",
];
const FLOWS: [&str; 5] = ["flow", "started_by", "completed_by", "within_ms", "unit_topic"];
const BUSINESS: [&str; 11] = [
    "flow",
    "started",
    "completed",
    "failed",
    "stuck",
    "open",
    "completed_share",
    "p50_ms",
    "p95_ms",
    "value_lost",
    "coverage",
];
const LOSSES: [&str; 7] = ["flow", "state", "consumer_group", "error_class", "error_message", "cases", "sample"];
const DURATIONS: [&str; 3] = ["flow", "upto_ms", "cases"];
const SERIES: [&str; 4] = ["time", "received", "passed", "failed"];
const DELETED: [&str; 2] = ["events", "last_seen"];
const NOT_SEEN: [&str; 6] = ["cluster", "topic", "reason", "partitions", "missing", "lost"];

/// A day of a shop with an incident since a quarter past ten. `hostile` stands in for every text that a record brings.
pub fn incident(hostile: Option<&str>) -> Summary {
    let window = Window::new(Timestamp(NOON - 24 * HOUR), Timestamp(NOON), Some("24h"));
    let asked = Asked {
        window,
        made: Timestamp(NOON),
        flow: None,
        reach: hostile.map_or(" --db shop.duckdb", |h| h).to_owned(),
    };
    let mut answers = Answers {
        totals: totals(),
        ever: totals(),
        counts: counts(),
        failures: failures(),
        lag: lag(),
        flows: table(
            &FLOWS,
            vec![
                row!["orders", "order.placed", "order.delivered", 1_800_000, "orders"],
                row!["payments", "payment.requested", "payment.taken", 60_000, "payments"],
            ],
        ),
        business: table(
            &BUSINESS,
            vec![
                row!["orders", 18_204, 17_911, 204, 77, 12, 0.983_904, 31_000.0, 130_000.0, 2_904.4, 0.999_81],
                row!["payments", 17_988, 17_988, 0, 0, 0, 1.0, 212.0, 940.0, Value::None, 1.0],
            ],
        ),
        losses: losses(),
        durations: durations(),
        series: series(),
        not_seen: table(
            &NOT_SEEN,
            vec![
                row!["prod-eu", "deliveries", "retention", 2, 41, true],
                row!["prod-eu", "orders", "control", 6, 1_204, false],
                row!["prod-eu", "orders", "aborted", 1, 4, false],
            ],
        ),
        deleted: table(&DELETED, vec![row![48_211, Value::Time(NOON - 30 * 24 * HOUR)]]),
        cut: Vec::new(),
    };
    if let Some(hostile) = hostile {
        for table in [
            &mut answers.counts,
            &mut answers.failures,
            &mut answers.lag,
            &mut answers.flows,
            &mut answers.business,
            &mut answers.losses,
            &mut answers.durations,
            &mut answers.not_seen,
        ] {
            poison(table, hostile);
        }
    }
    Summary::new(asked, answers).unwrap()
}

/// What a record, a producer or whoever names topics and groups can choose.
fn poison(table: &mut Table, hostile: &str) {
    let free: Vec<bool> =
        table.columns.iter().map(|c| !matches!(c.name.as_str(), "state" | "class" | "reason")).collect();
    for cell in table.rows.iter_mut().flat_map(|row| row.iter_mut().zip(&free)) {
        if let (Cell::Text(text), true) = cell {
            *text = format!("{text}{hostile}");
        }
    }
}

/// A database into which nothing was read.
pub fn empty() -> Summary {
    let window = Window::new(Timestamp(NOON - 24 * HOUR), Timestamp(NOON), Some("24h"));
    let asked = Asked { window, made: Timestamp(NOON), flow: None, reach: String::new() };
    Summary::new(asked, nothing(table(&TOTALS, vec![none()]))).unwrap()
}

/// A database whose events all were seen before the window.
pub fn quiet() -> Summary {
    let window = Window::new(Timestamp(NOON - 24 * HOUR), Timestamp(NOON), Some("24h"));
    let asked = Asked { window, made: Timestamp(NOON), flow: None, reach: " --db shop.duckdb".to_owned() };
    let mut ever = none();
    (ever[0], ever[13], ever[15]) = (4_812.into(), 4_812.into(), 1.0.into());
    (ever[16], ever[17]) = (Value::Time(NOON - 72 * HOUR), Value::Time(NOON - 71 * HOUR));
    let mut answers = nothing(table(&TOTALS, vec![ever]));
    answers.lag = lag();
    Summary::new(asked, answers).unwrap()
}

fn none() -> Vec<Value> {
    let mut row: Vec<Value> = (0..15).map(|_| Value::Number(0)).collect();
    row.extend([Value::None, Value::None, Value::None]);
    row
}

fn nothing(ever: Table) -> Answers {
    Answers {
        totals: table(&TOTALS, vec![none()]),
        ever,
        counts: table(&COUNTS, vec![]),
        failures: table(&FAILURES, vec![]),
        lag: table(&LAG, vec![]),
        flows: table(&FLOWS, vec![]),
        business: table(&BUSINESS, vec![]),
        losses: table(&LOSSES, vec![]),
        durations: table(&DURATIONS, vec![]),
        series: table(&SERIES, vec![]),
        not_seen: table(&NOT_SEEN, vec![]),
        deleted: table(&DELETED, vec![row![0, Value::None]]),
        cut: Vec::new(),
    }
}

fn totals() -> Table {
    let (first, last) = (Value::Time(NOON - 24 * HOUR + 12_000_000), Value::Time(NOON - 3_000_000));
    let row = row![112_840, 201_377, 388, 131, 224, 33, 6, 9, 512, 14, 22, 9, 6, 113_352, 1_249, 0.999_64, first, last];
    table(&TOTALS, vec![row])
}

fn counts() -> Table {
    let topic = |name: &str, class: &str, n: [i64; 9], coverage: f64| {
        let [received, failed, healed, retried, waiting, orphaned, unlinked, seen, missing] = n;
        row![
            "prod-eu",
            name,
            0,
            class,
            Value::None,
            received,
            Value::None,
            failed,
            healed,
            retried,
            waiting,
            orphaned,
            unlinked,
            seen,
            missing,
            coverage
        ]
    };
    let group = |name: &str, group: &str, [received, passed, failed, healed]: [i64; 4]| {
        let no = || Value::None;
        row![
            "prod-eu",
            name,
            0,
            "business",
            group,
            received,
            passed,
            failed,
            healed,
            no(),
            no(),
            no(),
            no(),
            no(),
            no(),
            no()
        ]
    };
    let rows = vec![
        topic("orders", "business", [38_204, 0, 0, 0, 0, 0, 0, 38_204, 1_208], 1.0),
        group("orders", "billing", [38_204, 38_204, 0, 0]),
        group("orders", "kitchen", [38_204, 38_190, 0, 0]),
        topic("payments", "business", [36_001, 0, 0, 0, 0, 0, 0, 36_001, 0], 1.0),
        group("payments", "orders", [36_001, 36_001, 0, 0]),
        topic("deliveries", "business", [20_118, 131, 131, 0, 14, 22, 3, 20_118, 41], 0.997_96),
        group("deliveries", "mailer", [20_118, 20_077, 131, 131]),
        topic("loyalty", "business", [18_105, 257, 0, 0, 0, 0, 0, 18_105, 0], 1.0),
        group("loyalty", "loyalty", [18_105, 17_703, 257, 0]),
        topic("loyalty-retry", "retry", [388, 0, 0, 388, 0, 0, 0, 388, 0], 1.0),
        topic("loyalty.dlt", "dead_letter", [24, 0, 0, 0, 0, 0, 0, 24, 0], 1.0),
        topic("audit", "business", [0, 0, 0, 0, 0, 0, 0, 0, 0], 1.0),
        topic("__consumer_offsets", "internal", [91_000, 0, 0, 0, 0, 0, 0, 91_000, 0], 1.0),
    ];
    table(&COUNTS, rows)
}

#[expect(clippy::too_many_lines, reason = "one row after the other reads best")]
fn failures() -> Table {
    let at = |minutes: i64| Value::Time(NOON - minutes * MINUTE);
    let rows = vec![
        row![
            224,
            at(105),
            at(1),
            "loyalty",
            "com.pizza.loyalty.AccountMissing",
            "no account for customer <id>",
            "loyalty",
            "order.placed",
            224,
            0,
            0,
            0,
            9,
            77_012,
            "loyalty.dlt/0/12",
            "8f3a",
            Value::Trend([0, 0, 0, 0, 0, 0, 0, 2, 14, 41, 80, 87])
        ],
        row![
            131,
            at(1_300),
            at(14),
            "mailer",
            "SocketTimeout",
            "courier api: no answer in <n> ms",
            "deliveries",
            "order.placed",
            0,
            0,
            131,
            0,
            0,
            77_013,
            "mailer-retry/0/88",
            "1c20",
            Value::Trend([9, 14, 8, 12, 10, 11, 13, 9, 12, 10, 11, 12])
        ],
        row![
            27,
            at(70),
            at(2),
            "loyalty",
            "PointsLocked",
            "account is being merged",
            "loyalty",
            "order.placed",
            0,
            27,
            0,
            0,
            0,
            77_014,
            "loyalty-retry/1/4",
            "99aa",
            Value::Trend([0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 8, 12])
        ],
        row![
            6,
            at(40),
            at(4),
            Value::None,
            "NullPointerException",
            Value::None,
            Value::None,
            Value::None,
            0,
            6,
            0,
            6,
            0,
            77_015,
            "loyalty-retry/0/301",
            "e01f",
            Value::Trend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4])
        ],
    ];
    table(&FAILURES, rows)
}

fn lag() -> Table {
    let at = || Value::Time(NOON - 4_000_000);
    let rows = vec![
        row!["loyalty", "loyalty", 402, 398, 362_000, 398, "stuck", 1, 61, at(), "prod-eu"],
        row!["mailer", "deliveries", 41, 41, 12_400, 41, "stable", 0, 20_077, at(), "prod-eu"],
        row!["billing", "orders", 0, 0, 0, 0, "stable", 0, 38_204, at(), "prod-eu"],
    ];
    let none = || Value::None;
    let more = |mut row: Vec<Value>| {
        row.extend(row![0, none(), none(), none(), none(), false, none(), none(), none(), 0]);
        row.extend(row!["consumer", 3, true, none(), 3, 3, 5_000]);
        row
    };
    table(&LAG, rows.into_iter().map(more).collect())
}

fn losses() -> Table {
    let rows = vec![
        row![
            "orders",
            "failed",
            "loyalty",
            "com.pizza.loyalty.AccountMissing",
            "no account for customer <id>",
            121,
            "orders/2/881"
        ],
        row!["orders", "failed", "courier", "NoCourier", "no courier within <n> km", 83, "orders/0/1044"],
        row!["orders", "stuck", Value::None, Value::None, Value::None, 77, "orders/1/730"],
    ];
    table(&LOSSES, rows)
}

fn durations() -> Table {
    let orders = [(10_000, 120), (20_000, 4_005), (60_000, 10_211), (120_000, 2_500), (300_000, 1_010), (600_000, 65)];
    let payments = [(100, 1_800), (200, 6_710), (500, 7_600), (1_000, 1_810), (2_000, 68)];
    let rows = orders.iter().map(|(upto, n)| row!["orders", *upto, *n]);
    let rows = rows.chain(payments.iter().map(|(upto, n)| row!["payments", *upto, *n]));
    table(&DURATIONS, rows.collect())
}

/// A quarter of an hour a step: a night, a morning, lunch, and the incident at its end.
fn series() -> Table {
    let rows = (0..96).map(|step: i64| {
        let hour = (12 + step / 4) % 24;
        let busy = [9, 6, 4, 4, 5, 8, 20, 40, 60, 80, 100, 130, 140, 110, 80, 70, 90, 120, 150, 140, 110, 70, 40, 20];
        let received = busy[hour as usize] * 17 + (step * 37 % 11) * 9;
        let failed = if step >= 89 { (step - 88) * (step - 88) * 3 } else { 1 + step % 3 };
        let passed = received * 18 / 10 - if step >= 90 { (step - 89) * 60 } else { 0 };
        row![Value::Time(NOON - 24 * HOUR + step * 15 * MINUTE), received, passed, failed]
    });
    table(&SERIES, rows.collect())
}

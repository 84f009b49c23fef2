//! Hand-made answers for tests: an incident at a pizza company.

use super::ask::{About, Answer, Part, Question, Reader};
use super::event::{Code, Event, Key, What};
use super::model::{Model, Origin};
use super::theme::Theme;
use super::trace::Trace;
use super::update::{Command, begin, update};
use super::{absorb, view};
use crate::event::Timestamp;
use crate::report::graph::Shape;
use crate::report::skeleton::{Group, Summed};
use crate::report::{Cell, Column, ColumnType, Table};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;

/// 2025-11-20 10:41:07 UTC.
pub const NOW: Timestamp = Timestamp(1_763_635_267_000_000);
/// The dead letter that everybody asks for.
pub const DEAD_LETTER: i64 = 12;

/// The tap that the samples come from.
pub fn origin() -> Origin {
    Origin { file: false, name: "127.0.0.1:5439".to_owned(), reach: String::new() }
}

/// A cell of a sample.
pub fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn ago(seconds: i64) -> Cell {
    Cell::Time(NOW.0 - seconds * 1_000_000)
}

/// A table with untyped columns: rows are read by name.
pub fn table(columns: &str, rows: Vec<Vec<Cell>>) -> Table {
    let columns = columns.split(' ').map(|name| Column { name: name.to_owned(), kind: ColumnType::Text }).collect();
    Table { columns, rows }
}

fn numbers(numbers: &[i64]) -> Vec<Cell> {
    numbers.iter().map(|n| Cell::Int(*n)).collect()
}

/// The headline: `numbers` from `received` to `missing`.
pub fn headline(counts: [i64; 15], coverage: Option<f64>, unread: i64, gaps: i64) -> BTreeMap<Part, Table> {
    let mut totals = numbers(&counts);
    let seen = counts[13] > 0;
    let time = |seconds| if seen { ago(seconds) } else { Cell::Null };
    totals.extend([coverage.map_or(Cell::Null, Cell::Float), time(840), time(1)]);
    let columns = "received passed failed healed dead retrying orphaned_failures unattended retried waiting orphaned \
                   topics groups seen missing coverage first_time last_time";
    let cluster = if seen { text("prod-eu") } else { Cell::Null };
    let standing = vec![
        cluster,
        time(1),
        time(0),
        Cell::Int(unread),
        Cell::Int(unread * 4),
        Cell::Null,
        Cell::Null,
        Cell::Int(gaps),
    ];
    BTreeMap::from([
        (Part::Totals, table(columns, vec![totals])),
        (
            Part::Standing,
            table(
                "cluster seen_time sampled_at unread catch_up_ms horizon_memory_ms horizon_disk_ms gaps",
                vec![standing],
            ),
        ),
    ])
}

fn incident() -> BTreeMap<Part, Table> {
    headline([1_902_600, 7_481_300, 47, 12, 35, 0, 6, 9, 133, 2, 4, 9, 5, 9_804_123, 4], Some(0.99981), 0, 1)
}

fn empty() -> BTreeMap<Part, Table> {
    headline([0; 15], None, 0, 0)
}

/// An answer of these tables.
pub fn answer(about: About, parts: BTreeMap<Part, Table>) -> Answer {
    let question = Question { since: Some(Timestamp(NOW.0 - 900_000_000)), until: None, about };
    Answer { question, parts, notes: Vec::new(), cut: false, took_ms: 3, summed: None }
}

fn failure(count: i64, group: &str, error: (&str, &str), from: Option<&str>, states: [i64; 5]) -> Vec<Cell> {
    let [dead, retrying, healed, orphaned, unattended] = states;
    let trend = [0, 0, 0, 1, 0, 1, 2, 4, 7, count / 3, count / 2, count / 2];
    let trend = Cell::List(trend.iter().map(|n| text(&n.to_string())).collect());
    let mut row = vec![Cell::Int(count), ago(60 - count), text(group), text(error.0), text(error.1)];
    row.extend([text("loyalty"), from.map_or(Cell::Null, text)]);
    row.extend(numbers(&[dead, retrying, healed, orphaned, unattended]));
    row.extend([text("loyalty.dlt/0/12"), Cell::Int(DEAD_LETTER), text(&format!("{group}-{count}")), trend]);
    row
}

/// `failures` with these rows.
pub fn failures(rows: Vec<Vec<Cell>>) -> Table {
    table(
        "failures last_time consumer_group error_class error_message origin_topic root_type dead retrying healed \
         orphaned unattended sample sample_ref signature trend",
        rows,
    )
}

fn kinds() -> Table {
    failures(vec![
        failure(
            31,
            "loyalty",
            ("com.pizza.AccountMissing", "no account for customer <id>"),
            Some("order.placed"),
            [31, 0, 0, 0, 9],
        ),
        failure(
            9,
            "delivery",
            ("java.net.SocketTimeoutException", "courier api <n> ms"),
            Some("order.placed"),
            [0, 0, 9, 0, 0],
        ),
        failure(4, "delivery", ("java.lang.NullPointerException", "address"), None, [4, 0, 0, 4, 0]),
        failure(3, "mailer", ("", "550 mailbox unavailable"), Some("customer.registered"), [0, 0, 3, 2, 0]),
    ])
}

fn lag() -> Table {
    let row = |group: &str, topic: &str, behind: i64, ms: i64, state: &str| {
        let mut row = vec![text(group), text(topic), Cell::Int(behind + i64::from(behind > 0) * 4), Cell::Int(behind)];
        row.extend([if ms > 0 { Cell::Int(ms) } else { Cell::Null }, Cell::Int(behind), text(state)]);
        row.extend([Cell::Int(1), Cell::Int(61), ago(2), text("prod-eu")]);
        row.extend([
            Cell::Int(behind),
            if ms > 0 { Cell::Int(ms) } else { Cell::Null },
            Cell::Null,
            Cell::Null,
            Cell::Null,
        ]);
        row.extend([
            Cell::Bool(false),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Int(0),
            text("consumer"),
            Cell::Int(3),
        ]);
        row.extend([Cell::Bool(true), Cell::Null, Cell::Int(3), Cell::Int(3), Cell::Int(5_000)]);
        row
    };
    table(
        "consumer_group topic lag_offsets lag_records lag_ms waiting_events state worst_partition \
         worst_committed_offset sampled_at cluster waiting_conversations oldest_ms waiting_value value_field value_events \
         waiting_at_most velocity eta_ms loses_data_in_ms lost_offsets kind members in_order coordinates partitions \
         partitions_known resolution_ms",
        vec![
            row("payment", "orders", 0, 0, "stable"),
            row("kitchen", "orders", 9, 800, "stable"),
            row("loyalty", "loyalty", 398, 362_000, "stuck"),
            row("delivery", "kitchen", 12, 2_100, "stable"),
            row("mailer", "customers", 0, 0, "empty"),
        ],
    )
}

fn pulse() -> Table {
    let minute = |n: i64| {
        let received = 126_000 + (n * 7_919) % 9_000;
        let failed = if n < 10 { n % 2 } else { (n - 9) * 6 };
        let start = NOW.0 / 60_000_000 * 60_000_000 - (14 - n) * 60_000_000;
        let rest = [received, received * 4 - 900 * n, failed, i64::from(n > 11)];
        [vec![Cell::Time(start)], numbers(&rest)].concat()
    };
    table("minute received passed failed orphaned", (1..15).map(minute).collect())
}

/// The overview of the incident.
pub fn overview() -> Answer {
    let mut parts = incident();
    parts.extend([(Part::Pulse, pulse()), (Part::Failures, kinds()), (Part::Lag, lag())]);
    answer(About::Overview, parts)
}

/// The failures of the incident.
pub fn failed() -> Answer {
    let mut parts = incident();
    parts.insert(Part::Failures, kinds());
    answer(About::Failures { orphans: false }, parts)
}

/// The consumers of the incident, with the partitions of the group that is stuck.
pub fn consumers() -> Answer {
    let mut parts = incident();
    let partition = |n: i64, at: i64, end: i64, state: &str| {
        let mut row = numbers(&[n, at, end, end - at, end - at]);
        row.extend([
            if end > at { Cell::Int(362_000) } else { Cell::Null },
            text(state),
            text("loyalty"),
            text("prod-eu"),
        ]);
        row.extend([if end > at { Cell::Int(at) } else { Cell::Null }, Cell::Null, Cell::Null, Cell::Null, Cell::Null]);
        row
    };
    let partitions =
        vec![partition(1, 61, 459, "stuck"), partition(0, 530, 530, "stable"), partition(2, 498, 498, "stable")];
    let columns = "partition committed_offset log_end_offset lag_offsets lag_records lag_ms state topic cluster stands_at velocity \
                   eta_ms loses_data_in_ms beyond";
    parts.extend([(Part::Lag, lag()), (Part::Progress, table(columns, partitions))]);
    let loyalty = Reader { cluster: "prod-eu".into(), group: "loyalty".into(), topic: "loyalty".into() };
    answer(About::Consumers { selected: Some(loyalty) }, parts)
}

/// One event: ref, place, ms after the order, kind, type, resolution, why.
type Node<'a> = (i64, (&'a str, i64, i64), i64, &'a str, Option<&'a str>, &'a str, Option<&'a str>);

fn nodes() -> Table {
    let node = |(reference, (topic, partition, offset), ms, kind, named, resolution, why): Node<'_>| {
        let mut row = vec![Cell::Int(reference), text("prod-eu"), text(topic), Cell::Int(partition)];
        row.extend([Cell::Int(offset), Cell::Time(NOW.0 - 400_000_000 + ms * 1000), text(kind)]);
        row.extend([named.map_or(Cell::Null, text), text(resolution), why.map_or(Cell::Null, text), Cell::Int(1)]);
        row.extend([text(&format!("7c1e-{reference}")), text("/pizza/orders")]);
        row
    };
    let caused = |r, at, ms, named| (r, at, ms, "event", Some(named), "caused", None);
    let retry = |r, n, ms| (r, ("loyalty-retry", 0, n), ms, "retry", None, "caused", None);
    table(
        "ref cluster topic partition offset time kind type resolution orphan_reason conversation id source",
        [
            (1, ("orders", 2, 881), 0, "event", Some("order.placed"), "root", None),
            caused(2, ("orders", 2, 884), 210, "order.confirmed"),
            caused(3, ("payments", 0, 512), 480, "payment.taken"),
            caused(4, ("kitchen", 1, 377), 510, "kitchen.accepted"),
            (5, ("kitchen", 1, 391), 1900, "event", Some("pizza.boxed"), "inferred", None),
            caused(6, ("loyalty", 1, 61), 500, "points.requested"),
            retry(7, 7, 900),
            retry(8, 8, 1900),
            retry(9, 9, 3900),
            (DEAD_LETTER, ("loyalty.dlt", 0, 12), 4000, "dead_letter", None, "caused", None),
            (13, ("mail", 0, 40), 5000, "event", Some("mail.sent"), "orphaned", Some("context_lost")),
        ]
        .map(node)
        .to_vec(),
    )
}

fn edges() -> Table {
    let edge = |(effect, cause, evidence, class, sure): (i64, i64, &str, &str, f64)| {
        vec![Cell::Int(effect), Cell::Int(cause), text(evidence), text(class), Cell::Float(sure)]
    };
    let declared = |effect, cause, evidence| (effect, cause, evidence, "declared", 1.0);
    let rows = [
        declared(2, 1, "causation_id"),
        declared(3, 2, "causation_id"),
        declared(4, 2, "causation_id"),
        (5, 4, "trace_order", "inferred", 0.97),
        declared(6, 2, "causation_id"),
        declared(7, 6, "failure_coordinates"),
        declared(8, 6, "failure_coordinates"),
        declared(9, 6, "failure_coordinates"),
        declared(DEAD_LETTER, 6, "failure_coordinates"),
    ];
    table("effect cause evidence class confidence", rows.map(edge).to_vec())
}

fn trace_failures(message: &str) -> Table {
    let failure = |(reference, kind, state, attempt): (i64, &str, &str, i64)| {
        let mut row = vec![Cell::Int(reference), text(kind), text(state), Cell::Int(6)];
        row.extend([text("failure_coordinates"), Cell::Float(1.0), text("loyalty")]);
        row.extend([Cell::Int(1), Cell::Int(61), text("loyalty"), Cell::List(vec![]), Cell::Int(attempt)]);
        row.extend([text("com.pizza.AccountMissing"), text(message), text("8f3a"), Cell::Null, Cell::Null]);
        let ms = [900, 1900, 3900, 4000][attempt as usize - 1];
        row.extend([text("loyalty-retry"), text("named"), Cell::Time(NOW.0 - 400_000_000 + ms * 1000)]);
        row.extend([Cell::Null, Cell::Null]);
        row
    };
    let rows =
        [(7, "retry", "dead", 1), (8, "retry", "dead", 2), (9, "retry", "dead", 3), (12, "dead_letter", "dead", 4)];
    table(
        "ref kind state origin origin_evidence origin_confidence origin_topic origin_partition origin_offset consumer_group candidate_groups attempt \
         error_class error_message signature orphan_reason healed_by topic group_evidence record_time healed_evidence \
         attended_by",
        rows.map(failure).to_vec(),
    )
}

/// The conversation of the dead letter, whose error says `message`.
pub fn conversation(message: &str) -> Answer {
    let mut parts = incident();
    let passed = |reference: i64, group: &str, state: &str| vec![Cell::Int(reference), text(group), text(state)];
    let passage = vec![
        passed(2, "payment", "passed"),
        passed(2, "kitchen", "passed"),
        passed(5, "delivery", "not_reached"),
        passed(6, "loyalty", "passed"),
    ];
    let covered = |topic: &str, reason: Cell, missing: i64| {
        let mut row = vec![text("prod-eu"), text(topic), Cell::Int(0), reason];
        row.extend(numbers(&[0, 900, 896, missing]));
        row
    };
    let coverage = vec![covered("orders", Cell::Null, 0), covered("orders", text("aborted"), 4)];
    parts.extend([
        (Part::Nodes, nodes()),
        (Part::Edges, edges()),
        (Part::TraceFailures, trace_failures(message)),
        (Part::Passage, table("ref consumer_group state", passage)),
        (Part::Coverage, table("cluster topic partition reason first_offset next_offset seen missing", coverage)),
    ]);
    answer(About::Trace { reference: DEAD_LETTER }, parts)
}

/// The error of the incident.
pub const ERROR: &str = "no account for customer 90417: the loyalty service answered 404 to GET /accounts/90417";

/// The trace of the dead letter.
pub fn trace() -> Trace {
    absorb::trace(&conversation(ERROR), DEAD_LETTER).unwrap()
}

/// The conversation of the dead letter, of which only that much was read: the rest is summed up.
pub fn answer_of_many(about: &About) -> Answer {
    let mut answer = answer_of_incident(about);
    if matches!(about, About::Trace { .. }) {
        let group = |level: usize, topic: &str, events: usize, failures: usize| Group {
            level,
            last_level: level,
            cluster: "prod-eu".to_owned(),
            topic: topic.to_owned(),
            event_type: Some(format!("{topic}.changed")),
            events,
            failures,
            first: Timestamp(NOW.0 - 90_000_000),
            last: Timestamp(NOW.0 - 1_000_000),
        };
        let shape = Shape { events: 98_121, levels: 4, widest_level: 3, widest_events: 97_000, ..Shape::default() };
        let groups = vec![group(2, "stock", 1_112, 0), group(3, "prices", 97_000, 3)];
        let (events, failures) = (98_112, 7);
        let counts =
            Summed { groups, group_count: 2, events, failures, failures_hidden: 3, shape, ..Summed::default() };
        answer.summed = Some(counts);
    }
    answer
}

/// What an empty database answers.
pub fn answer_of_nothing(about: &About) -> Answer {
    let mut parts = empty();
    let nothing = |table: Table| Table { rows: Vec::new(), ..table };
    parts.extend([
        (Part::Pulse, nothing(pulse())),
        (Part::Failures, nothing(kinds())),
        (Part::Lag, nothing(lag())),
        (Part::Progress, nothing(consumers().parts[&Part::Progress].clone())),
    ]);
    if let About::Trace { .. } = about {
        let full = conversation(ERROR).parts;
        parts.extend(full.into_iter().filter(|(part, _)| *part > Part::Matches).map(|(part, t)| (part, nothing(t))));
    }
    answer(about.clone(), parts)
}

/// What the incident answers.
pub fn answer_of_incident(about: &About) -> Answer {
    match about {
        About::Overview => overview(),
        About::Consumers { .. } => {
            let mut consumers = consumers();
            consumers.question.about = about.clone();
            consumers
        }
        About::Failures { .. } => failed(),
        About::Trace { reference } => {
            let mut trace = conversation(ERROR);
            trace.question.about = About::Trace { reference: *reference };
            trace
        }
        About::Find { text } => find(text),
    }
}

fn find(text: &str) -> Answer {
    let columns = "ref coordinates time kind type conversation matched";
    let found = |reference: i64, place: &str| {
        let mut row = vec![Cell::Int(reference), self::text(place), ago(400), self::text("event")];
        row.extend([self::text("order.placed"), Cell::Int(reference), self::text("correlation_id")]);
        row
    };
    let mut parts = incident();
    let mut notes = Vec::new();
    match text {
        "nothing" => notes.push("it was looked up as event, correlation, causation and trace id".to_owned()),
        "4711" => {
            let rows = vec![found(1, "orders/2/881"), found(101, "orders/0/17")];
            parts.insert(Part::Matches, table(columns, rows));
        }
        _ => {
            parts.extend(conversation(ERROR).parts);
            parts.insert(Part::Matches, table(columns, vec![found(6, "loyalty/1/61")]));
        }
    }
    Answer { notes, ..answer(About::Find { text: text.to_owned() }, parts) }
}

/// A model with somebody who answers every question at once, and all events that came by.
pub struct Stage {
    /// The model.
    pub model: Model,
    /// Answers.
    pub answers: fn(&About) -> Answer,
    /// Everything that happened.
    pub events: Vec<Event>,
    /// Commands other than questions.
    pub commands: Vec<Command>,
}

impl Stage {
    /// A screen of this size whose first question was answered.
    pub fn open(size: (u16, u16), answers: fn(&About) -> Answer) -> Self {
        let mut model = Model::new(origin(), NOW, size);
        let first = begin(&mut model);
        let mut stage = Self { model, answers, events: Vec::new(), commands: Vec::new() };
        stage.carry_out(first);
        stage
    }

    /// Something happens.
    pub fn happens(&mut self, what: What) {
        self.happens_at(self.model.now, what);
    }

    /// Something happens at this time.
    pub fn happens_at(&mut self, at: Timestamp, what: What) {
        let event = Event { at, what };
        self.events.push(event.clone());
        let commands = update(&mut self.model, event);
        self.carry_out(commands);
    }

    fn carry_out(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Ask { generation, question } => {
                    let mut answer = (self.answers)(&question.about);
                    (answer.question.since, answer.question.until) = (question.since, question.until);
                    self.happens(What::Answer { generation, answer: Box::new(answer) });
                }
                other => self.commands.push(other),
            }
        }
    }

    /// Keys are pressed: characters, `<` for Escape, newline for Enter, tab for Tab.
    pub fn type_in(&mut self, keys: &str) {
        for c in keys.chars() {
            let code = match c {
                '\n' => Code::Enter,
                '\t' => Code::Tab,
                '<' => Code::Esc,
                c => Code::Char(c),
            };
            self.happens(What::Key(Key::plain(code)));
        }
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        self.screen_in(&Theme::default())
    }

    /// The screen as text in another look.
    pub fn screen_in(&self, theme: &Theme) -> String {
        let (columns, rows) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| view::draw(&self.model, theme, frame)).unwrap();
        terminal.backend().to_string()
    }
}

//! `/metrics` and `/healthz` as a scraper sees them: equal to the SQL behind every other door, bounded, and honest.

use crate::support::Folder;
use crate::support::door::{Fixture, loopback};
use crate::support::mock::MockKafka;
use crate::support::program::{self, Program};
use headwater::event::{Changes, EventRef, GroupKind, GroupPhase, GroupRow, Ordinal, Profile, ProfileRow};
use headwater::report::Cell;
use headwater::serve::Metrics;
use headwater::store::{Limits, Readers, Settings, Writer};
use headwater::telemetry::Pulse;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Status and body of a GET.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("chunked"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Samples of a scrape, by name and labels.
pub fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let split = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    lines.map(|line| split(line).unwrap()).collect()
}

/// The samples of one metric.
fn of<'a>(samples: &'a BTreeMap<String, f64>, metric: &str) -> Vec<(&'a str, f64)> {
    let start = format!("{metric}{{");
    samples.iter().filter(|(name, _)| name.starts_with(&start)).map(|(name, n)| (name.as_str(), *n)).collect()
}

fn ask(readers: &Readers, sql: &str) -> Vec<(String, f64)> {
    let rows = readers.reader().unwrap().ask(sql, &[], Limits::default()).unwrap().table.rows;
    let row = |row: Vec<Cell>| match (&row[0], &row[1]) {
        (Cell::Text(name), Cell::Int(n)) => (name.clone(), *n as f64),
        (Cell::Text(name), Cell::Float(n)) => (name.clone(), *n),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(row).collect()
}

pub fn start(readers: Readers) -> Metrics {
    Metrics::start(loopback(0), readers, Arc::new(Pulse::new(Instant::now()))).unwrap()
}

/// Scenario: a capture with retries, dead letters and groups.
/// Guarantees: every series equals the views, and the sums equal the headline.
#[test]
fn a_scrape_equals_the_sql_of_every_other_door() {
    let folder = Folder::new("metrics");
    for capture in ["spring-retryable", "python-cloudevents"] {
        let files = ["", ".internal"].map(|kind| {
            let file = format!("tests/captures/{capture}{kind}.ndjson");
            Path::new(env!("CARGO_MANIFEST_DIR")).join(file).display().to_string()
        });
        program::answer(folder.path(), &["import", "--db", "tap.duckdb", &files[0], &files[1]]);
    }
    let (writer, _) = Writer::open(&folder.file("tap.duckdb"), Settings::default()).unwrap();
    let readers = writer.readers();
    let metrics = start(writer.readers());
    let (status, text) = get(metrics.address(), "/metrics");
    assert_eq!(status, 200, "{text}");
    let scraped = samples(&text);
    let label = "'\"' || replace(replace(";
    let quoted = |column: &str| format!("{label}coalesce({column}, ''), '\\', '\\\\'), '\"', '\\\"') || '\"'");
    let (c, t, y, g) = (quoted("cluster"), quoted("topic"), quoted("type"), quoted("consumer_group"));
    for (metric, sql) in [
        (
            "headwater_received_total",
            format!(
                "SELECT '{{cluster=' || {c} || ',topic=' || {t} || ',type=' || {y} || '}}', sum(received)::BIGINT \
                     FROM minute GROUP BY 1 HAVING sum(received) > 0"
            ),
        ),
        (
            "headwater_passed_total",
            format!(
                "SELECT '{{cluster=' || {c} || ',topic=' || {t} || ',type=' || {y} || ',group=' || {g} || '}}', \
                     sum(passed)::BIGINT FROM passed_minute GROUP BY 1 HAVING sum(passed) > 0"
            ),
        ),
        (
            "headwater_lag_offsets",
            format!(
                "SELECT '{{cluster=' || {c} || ',group=' || {g} || ',topic=' || {t} || '}}', \
                     sum(lag_offsets)::BIGINT FROM progress GROUP BY 1 HAVING sum(lag_offsets) IS NOT NULL"
            ),
        ),
        (
            "headwater_coverage_ratio",
            format!(
                "SELECT '{{cluster=' || {c} || ',topic=' || {t} || '}}', coverage FROM counts() \
                     WHERE consumer_group IS NULL AND coverage IS NOT NULL"
            ),
        ),
    ] {
        let mut expected: Vec<_> =
            ask(&readers, &sql).into_iter().map(|(labels, n)| (format!("{metric}{labels}"), n)).collect();
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let found: Vec<_> = of(&scraped, metric).into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
        assert_eq!(found, expected, "{metric}");
        assert!(!found.is_empty(), "{metric}");
    }
    assert_sums(&scraped, &readers);
    assert!(scraped.contains_key("headwater_tap_repeated_ids_total"), "{text}");
    let (status, health) = get(metrics.address(), "/healthz");
    assert!(
        status == 200 && health.contains("\"status\":\"ok\"") && health.contains("\"tap_lag_offsets\":0"),
        "{health}"
    );
    assert_eq!(get(metrics.address(), "/else").0, 404);
}

/// The sums of a scrape are the headline's.
fn assert_sums(scraped: &BTreeMap<String, f64>, readers: &Readers) {
    let sum = |metric: &str, group: Option<&str>| -> f64 {
        let of_group = |name: &str| group.is_none_or(|group| name.contains(&format!("group=\"{group}\"")));
        of(scraped, metric).iter().filter(|(name, _)| of_group(name)).map(|(_, n)| n).sum()
    };
    for (what, n) in ask(readers, "UNPIVOT (SELECT failed, orphaned_failures, waiting FROM totals()) ON COLUMNS(*)") {
        let found =
            if what == "failed" { sum("headwater_failed_total", None) } else { scraped[&format!("headwater_{what}")] };
        assert_eq!(found, n, "{what}");
    }
    let named =
        ask(readers, "SELECT consumer_group, sum(failed)::BIGINT FROM passed_minute GROUP BY 1 HAVING sum(failed) > 0");
    assert!(!named.is_empty());
    for (group, failed) in named {
        assert_eq!(sum("headwater_failed_total", Some(&group)), failed, "{group}");
    }
}

/// Scenario: groups that come, change and go.
/// Guarantees: each group that is there has one series, with what its members do; one that is gone has none.
#[test]
fn the_state_of_a_group_is_one_series_while_it_is_there() {
    let fixture = Fixture::new();
    let group = |name: &str, phase, denied| GroupRow {
        cluster: "test".into(),
        consumer_group: name.into(),
        kind: GroupKind::Consumer,
        phase,
        members: Some(2),
        denied,
        sampled_at: crate::support::door::TIME,
    };
    let scrape = || {
        let metrics = start(fixture.readers());
        let scraped = samples(&get(metrics.address(), "/metrics").1);
        of(&scraped, "headwater_group_state").into_iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>()
    };
    let write = |groups: Vec<GroupRow>, gone: Vec<&str>| {
        let gone = gone.into_iter().map(|name| ("test".into(), name.into())).collect();
        fixture.write(Changes { groups, gone, at: crate::support::door::TIME, ..Changes::default() });
    };
    let name = |group: &str, state: &str| {
        format!("headwater_group_state{{cluster=\"test\",group=\"{group}\",state=\"{state}\"}} 1")
    };
    write(vec![group("a", Some(GroupPhase::Stable), false), group("b", None, true)], vec![]);
    assert_eq!(scrape(), [name("a", "stable"), name("b", "denied")]);
    write(vec![group("a", Some(GroupPhase::Rebalancing), false)], vec![]);
    assert_eq!(scrape(), [name("a", "rebalancing"), name("b", "denied")]);
    write(vec![], vec!["a"]);
    assert_eq!(scrape(), [name("b", "denied")]);
}

/// Scenario: a producer that writes a new type with every record.
/// Guarantees: the first types keep their series, the sum stays exact, and what was folded is counted.
#[test]
fn series_are_bounded_and_nothing_is_lost_from_the_sum() {
    let fixture = Fixture::new();
    let mut changes = Changes { at: crate::support::door::TIME, ..Changes::default() };
    for n in 1..=2_100_i32 {
        let content = Profile {
            kind: format!("type-{n:05}"),
            source: String::new(),
            version: String::new(),
            convention: String::new(),
        };
        changes.profiles.push(ProfileRow { profile: n, content });
        let mut event = crate::support::door::event(EventRef::new(Ordinal(0), 1_000 + i64::from(n)));
        event.profile = n;
        changes.events.push(&event);
    }
    fixture.write(changes);
    let metrics = start(fixture.readers());
    let scraped = samples(&get(metrics.address(), "/metrics").1);
    let received = of(&scraped, "headwater_received_total");
    assert_eq!(received.len(), 2_001);
    assert_eq!(received.iter().map(|(_, n)| n).sum::<f64>(), 2_103.0);
    assert_eq!(scraped["headwater_received_total{cluster=\"test\",topic=\"orders\",type=\"other\"}"], 101.0);
    assert_eq!(scraped["headwater_folded_series{metric=\"received\"}"], 101.0);
}

#[test]
fn health_says_what_is_wrong() {
    let fixture = Fixture::new();
    let long_ago = Instant::now().checked_sub(Duration::from_secs(200)).unwrap();
    let silent = Pulse::new(long_ago);
    let late = Pulse::new(long_ago);
    late.commit_sent(long_ago);
    let ended = Pulse::new(Instant::now());
    ended.ended("writer");
    for (pulse, reason) in
        [(silent, "core has not moved"), (late, "for its commit"), (ended, "writer thread has ended")]
    {
        let metrics = Metrics::start(loopback(0), fixture.readers(), Arc::new(pulse)).unwrap();
        let (status, body) = get(metrics.address(), "/healthz");
        assert!(status == 503 && body.contains(reason) && body.contains("\"failing\""), "{status} {body}");
    }
}

#[test]
fn hostile_clients_do_not_keep_scrapers_out() {
    let fixture = Fixture::new();
    let metrics = start(fixture.readers());
    let mut silent: Vec<_> = (0..12).map(|_| TcpStream::connect(metrics.address()).unwrap()).collect();
    for (n, socket) in silent.iter_mut().enumerate() {
        let start: &[u8] = [
            &b"GET /metrics HTTP/1.1\r\n"[..],
            b"\x16\x03\x01\x02",
            b"",
            b"POST / HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n",
        ][n % 4];
        let _ = socket.write_all(start);
    }
    let header = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(2 << 20));
    let mut long = TcpStream::connect(metrics.address()).unwrap();
    let _ = long.write_all(header.as_bytes());
    assert_eq!(get(metrics.address(), "/metrics").0, 200);
}

#[test]
fn a_tap_shows_its_metrics_and_a_taken_address_is_said() {
    let folder = Folder::new("metrics-tap");
    let kafka = MockKafka::start(1, &[("orders", 1)]);
    let (tap, _) = Program::tap(folder.path(), &kafka.bootstrap, &["--metrics", "127.0.0.1:0"]);
    let address = crate::support::poll_until("the address of the metrics", Duration::from_secs(20), || {
        let said = tap.said();
        let (_, rest) = said.split_once("metrics at http://")?;
        rest.split_once('/').map(|(address, _)| address.parse::<SocketAddr>().unwrap())
    });
    crate::support::poll_until("the first commit in the metrics", Duration::from_secs(20), || {
        get(address, "/metrics").1.contains("headwater_tap_fetches_total").then_some(())
    });
    assert_eq!(get(address, "/healthz").0, 200);
    let holder = TcpListener::bind(loopback(0)).unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let elsewhere = Folder::new("metrics-taken");
    let arguments = ["tap", "--brokers", &kafka.bootstrap, "--serve", "off", "--metrics", &taken];
    let refused = program::run(elsewhere.path(), &arguments);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("--metrics"), "{said}");
    assert!(tap.stop().0.success());
}

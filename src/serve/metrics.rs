//! What `/metrics` shows: the contract's counts, asked by SQL when somebody scrapes, as OpenMetrics text.

use crate::report::{Cell, Table};
use crate::store::query::{Query, door};
use crate::store::{Error, Limits, Readers};
use crate::telemetry::Health;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Most series of one metric that keep their own labels. What a scraper holds grows with this, and types are named by
/// whoever writes to a topic.
const SERIES_LIMIT: i64 = 2_000;

/// Most rows of one question: all series of their own, what is folded into them, and one a cluster.
const ROW_LIMIT: usize = 3 * SERIES_LIMIT as usize;

/// Longest time for one question. A scraper gives up after ten seconds.
const ASK_TIME: Duration = Duration::from_secs(5);

const LIMITS: Limits = Limits { rows: ROW_LIMIT, deadline: ASK_TIME };

/// The tap's own numbers that can go down.
const TAP_GAUGES: [&str; 14] = [
    "waiting",
    "barrier_blocked",
    "stalled_partitions",
    "stalled_ms",
    "blocked_by_transaction_partitions",
    "blocked_by_transaction_ms",
    "unread_offsets",
    "catch_up_ms",
    "commit_log_behind_ms",
    "memory_bytes",
    "horizon_memory_ms",
    "horizon_disk_ms",
    "group_sample_ms",
    "groups_denied",
];

type Labels = Vec<(&'static str, String)>;
type Counts = Family<Labels, Counter>;
type Levels = Family<Labels, Gauge<f64, AtomicU64>>;

/// Everything that one scrape shows.
#[derive(Debug, Default)]
pub(super) struct Scrape {
    received: Counts,
    passed: Counts,
    failed: Counts,
    lag_offsets: Levels,
    lag_records: Levels,
    lag_seconds: Levels,
    group_state: Levels,
    coverage: Levels,
    orphaned_failures: Gauge<f64, AtomicU64>,
    waiting: Gauge<f64, AtomicU64>,
    folded: Levels,
    tap: Vec<(String, f64)>,
}

impl Scrape {
    /// Asks for everything.
    ///
    /// # Errors
    /// All readers are busy, or a question took too long.
    pub(super) fn ask(readers: &Readers) -> Result<Self, Error> {
        let reader = readers.reader()?;
        let ask = |query: &Query, values: &[Cell]| Ok::<Table, Error>(reader.answer(query, values, LIMITS)?.table);
        let limit = [Cell::Int(SERIES_LIMIT)];
        let mut scrape = Self::default();
        let received = ask(&door::METRICS_RECEIVED, &limit)?;
        scrape.count(&scrape.received, &received, "received");
        let passed = ask(&door::METRICS_PASSED, &limit)?;
        scrape.count(&scrape.passed, &passed, "passed");
        let failed = ask(&door::METRICS_FAILED, &limit)?;
        scrape.count(&scrape.failed, &failed, "failed");
        scrape.lag(&ask(&door::METRICS_LAG, &limit)?);
        scrape.groups(&ask(&door::METRICS_GROUPS, &limit)?);
        scrape.cover(&ask(&door::METRICS_COVERAGE, &limit)?);
        if let [totals, ..] = ask(&door::METRICS_TOTALS, &[])?.rows.as_slice() {
            scrape.orphaned_failures.set(number(totals.first()));
            scrape.waiting.set(number(totals.get(1)));
        }
        let tap = ask(&door::METRICS_TAP, &[])?;
        // What is not known is not zero: it has no series.
        let known = tap.rows.iter().filter(|row| row.get(1) != Some(&Cell::Null));
        scrape.tap = known.map(|row| (text(row.first()), number(row.get(1)))).collect();
        Ok(scrape)
    }

    /// Rows of cluster, topic, type, perhaps group, count and how many were folded.
    fn count(&self, counts: &Counts, table: &Table, metric: &'static str) {
        for row in &table.rows {
            let at = row.len().saturating_sub(2);
            let names = ["cluster", "topic", "type", "group"].into_iter().zip(&row[..at]);
            let labels = names.map(|(name, cell)| (name, escaped(&text(Some(cell))))).collect();
            // A rewind behind where reading began is the only way below zero.
            counts.get_or_create(&labels).inc_by(number(row.get(at)).max(0.0) as u64);
            self.fold(metric, number(row.get(at + 1)));
        }
    }

    fn lag(&self, table: &Table) {
        for row in &table.rows {
            let names = ["cluster", "group", "topic"].into_iter().zip(row);
            let labels: Labels = names.map(|(name, cell)| (name, escaped(&text(Some(cell))))).collect();
            for (levels, cell) in [&self.lag_offsets, &self.lag_records, &self.lag_seconds].into_iter().zip(&row[3..]) {
                // What is not known is not zero: it has no series.
                if *cell != Cell::Null {
                    levels.get_or_create(&labels).set(number(Some(cell)));
                }
            }
            self.fold("lag", number(row.get(6)));
        }
    }

    /// One series a group that is there, with what its members do.
    fn groups(&self, table: &Table) {
        for row in &table.rows {
            let names = ["cluster", "group", "state"].into_iter().zip(row);
            let labels: Labels = names.map(|(name, cell)| (name, escaped(&text(Some(cell))))).collect();
            self.group_state.get_or_create(&labels).set(number(row.get(3)));
            self.fold("group_state", number(row.get(4)));
        }
    }

    fn cover(&self, table: &Table) {
        for row in &table.rows {
            let names = ["cluster", "topic"].into_iter().zip(row);
            let labels: Labels = names.map(|(name, cell)| (name, escaped(&text(Some(cell))))).collect();
            self.coverage.get_or_create(&labels).set(number(row.get(2)));
        }
        self.fold("coverage", number(table.rows.first().and_then(|row| row.get(3))));
    }

    fn fold(&self, metric: &'static str, series: f64) {
        self.folded.get_or_create(&vec![("metric", metric.to_owned())]).inc_by(series);
    }

    /// OpenMetrics text, with what the stages say about themselves.
    ///
    /// # Errors
    /// Never in practice: text is written into memory.
    pub(super) fn text(self, health: &Health) -> Result<String, std::fmt::Error> {
        let mut all = Registry::with_prefix("headwater");
        let received = "Records seen since reading began; exact, with the coverage ratio beside it";
        all.register("received", received, self.received);
        let passed = "Events that a group has committed beyond since reading began; a rewind takes back";
        all.register("passed", passed, self.passed);
        let failed = "Evidenced failures since reading began, one for each origin and group: a lower bound";
        all.register("failed", failed, self.failed);
        all.register("lag_offsets", "Log end minus committed offset", self.lag_offsets);
        all.register("lag_records", "Readable records that wait for a group", self.lag_records);
        all.register("lag_seconds", "Age of the oldest record that waits for a group", self.lag_seconds);
        let state = "What the members of a group do; groups over the limit are counted under other";
        all.register("group_state", state, self.group_state);
        let coverage = "Share of the offsets of a topic that was seen since reading began";
        all.register("coverage_ratio", coverage, self.coverage);
        let orphaned = "Failures whose way back to their root is broken";
        all.register("orphaned_failures", orphaned, self.orphaned_failures);
        all.register("waiting", "Events that named a cause that was not seen yet", self.waiting);
        let folded = "Series over the limit, summed under other";
        all.register("folded_series", folded, self.folded);
        let tap = all.sub_registry_with_prefix("tap");
        for (name, value) in self.tap {
            let help = "One of the tap's own numbers, as in the view tap";
            if TAP_GAUGES.contains(&name.as_str()) {
                let gauge = Gauge::<f64, AtomicU64>::default();
                gauge.set(value);
                tap.register(name, help, gauge);
            } else {
                let counter = Counter::<f64, AtomicU64>::default();
                counter.inc_by(value.max(0.0));
                tap.register(name, help, counter);
            }
        }
        let age = Gauge::<f64, AtomicU64>::default();
        age.set(health.commit_age.as_secs_f64());
        tap.register("commit_age_seconds", "Age of the last commit: how old every answer is", age);
        let mut out = String::new();
        encode(&mut out, &all)?;
        Ok(out)
    }
}

fn number(cell: Option<&Cell>) -> f64 {
    match cell {
        Some(Cell::Int(value)) => *value as f64,
        Some(Cell::Wide(value)) => *value as f64,
        Some(Cell::Float(value)) => *value,
        _ => 0.0,
    }
}

fn text(cell: Option<&Cell>) -> String {
    match cell {
        Some(Cell::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// A label's value as the text format wants it; the encoder writes it as it is. Names come out of records.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn health() -> Health {
        Health { commit_age: Duration::from_millis(1500), ..Health::default() }
    }

    fn row(cells: &[Cell]) -> Table {
        Table { rows: vec![cells.to_vec()], ..Table::default() }
    }

    #[test]
    fn names_out_of_records_stay_in_their_quotes() {
        let hostile = Cell::Text("a\"} 1\n# EOF\nheadwater_failed_total 9\\\u{7}".to_owned());
        let scrape = Scrape::default();
        let cluster = Cell::Text("c".to_owned());
        let table = row(&[cluster, Cell::Text("t".to_owned()), hostile, Cell::Int(3), Cell::Int(2)]);
        scrape.count(&scrape.received, &table, "received");
        let text = scrape.text(&health()).unwrap();
        let line = text.lines().find(|line| line.starts_with("headwater_received_total{")).unwrap();
        assert!(line.ends_with("type=\"a\\\"} 1\\n# EOF\\nheadwater_failed_total 9\\\\\u{fffd}\"} 3"), "{line}");
        assert_eq!(text.matches("# EOF\n").count(), 1, "{text}");
        assert!(text.contains("headwater_folded_series{metric=\"received\"} 2.0"), "{text}");
        assert!(text.contains("headwater_tap_commit_age_seconds 1.5"), "{text}");
    }

    #[test]
    fn what_is_not_known_has_no_series() {
        let scrape = Scrape::default();
        let name = |text: &str| Cell::Text(text.to_owned());
        let known = [name("c"), name("g"), name("t"), Cell::Int(7), Cell::Null, Cell::Null, Cell::Int(0)];
        scrape.lag(&row(&known));
        let text = scrape.text(&health()).unwrap();
        assert!(text.contains("headwater_lag_offsets{cluster=\"c\",group=\"g\",topic=\"t\"} 7.0"), "{text}");
        assert!(!text.contains("headwater_lag_records{") && !text.contains("headwater_lag_seconds{"), "{text}");
    }
}

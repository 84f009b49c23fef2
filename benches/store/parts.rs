//! Where the writer's time goes: writers that are given events and one thing more, each in a file of its own.

use super::company::{COMMIT_ROWS, Company, Pace};
use super::cpu_of;
use headwater::event::Changes;
use headwater::store::{Settings, Writer};
use std::path::{Path, PathBuf};

/// Commits of each part in one round, at most: enough to tell, and few enough for the disk.
const ROUND_COMMITS: usize = 2;

/// What is kept of a commit.
type Keep = fn(Changes) -> Changes;

const PARTS: [(&str, Keep); 5] = [
    ("events", |c| Changes { events: c.events, ..Changes::default() }),
    ("late verdicts", |c| Changes {
        events: c.events,
        pending: c.pending,
        settled: c.settled,
        aliases: c.aliases,
        ..Changes::default()
    }),
    ("failures", |c| Changes { events: c.events, failures: c.failures, ..Changes::default() }),
    ("coverage", |c| Changes { events: c.events, coverage: c.coverage, ..Changes::default() }),
    ("coverage, groups", |c| Changes {
        events: c.events,
        coverage: c.coverage,
        progress: c.progress,
        passed: c.passed,
        passed_to: c.passed_to,
        ..Changes::default()
    }),
];

/// One of them.
struct Part {
    name: &'static str,
    keep: Keep,
    writer: Writer,
    company: Company,
    path: PathBuf,
    /// µs of CPU a row of the commit, by round.
    spent: Vec<f64>,
}

/// All of them.
pub struct Parts(Vec<Part>);

impl Parts {
    pub fn new(folder: &Path, seed: u64) -> Self {
        let part = |(at, (name, keep)): (usize, (&'static str, Keep))| {
            let path = folder.join(format!("part-{at}.duckdb"));
            let (mut writer, _) = Writer::open(&path, Settings::default()).unwrap();
            let mut company = Company::new(seed);
            // The first commit is dear: it has the dictionaries.
            writer.append(company.commit(COMMIT_ROWS, Pace::CatchUp, 0)).unwrap();
            Part { name, keep, writer, company, path, spent: Vec::new() }
        };
        Self(PARTS.into_iter().enumerate().map(part).collect())
    }

    /// Lets each write some commits; gives the µs of CPU a row where there are events only.
    pub fn round(&mut self, commits: usize) -> f64 {
        let commits = commits.min(ROUND_COMMITS);
        for part in &mut self.0 {
            let mut spent = 0.0;
            for _ in 0..commits {
                let changes = (part.keep)(part.company.commit(COMMIT_ROWS, Pace::CatchUp, 0));
                spent += cpu_of(|| part.writer.append(changes).unwrap());
            }
            part.spent.push(spent / (commits * COMMIT_ROWS) as f64 * 1e6);
        }
        self.0[0].spent.last().copied().unwrap_or_default()
    }

    /// What each adds to events, a row of the whole commit; the files go.
    pub fn end(self) {
        let mean = |part: &Part| part.spent.iter().sum::<f64>() / part.spent.len().max(1) as f64;
        let events = self.0.first().map_or(0.0, mean);
        eprintln!("what the writer's time goes for, µs CPU a row of the commit, means: events {events:.2}");
        for part in self.0.iter().skip(1) {
            eprintln!("  and {:<18} {:+.2}", part.name, mean(part) - events);
        }
        for Part { writer, path, .. } in self.0 {
            writer.close().unwrap();
            std::fs::remove_file(path).unwrap();
        }
    }
}

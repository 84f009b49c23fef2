//! `headwater report`: what happened in a window, as one model and five renderers.
//!
//! [`Answers`] are the tables of the named queries; [`Summary`] reads them once. For people it is laid out as a page of
//! sentences, facts, sheets and charts, which text, Markdown and HTML draw each in its way; JSON and CSV hand the
//! tables on. Every number is the SQL's: nothing is counted again here.

mod business;
mod chart;
mod compose;
mod csv;
mod html;
mod json;
pub(in crate::report) mod markdown;
pub(in crate::report) mod page;
mod sheets;
mod svg;
pub(in crate::report) mod text;
mod window;
mod words;

pub use window::{Window, series_step};

use super::rows::{
    BusinessFlowRow, BusinessRow, CountRow, Deleted, DurationBin, FailureGroup, LagRow, Loss, NotSeen, RowError,
    SeriesRow, Totals,
};
use super::{Style, Table};
use crate::event::Timestamp;

/// How a summary is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal, or to be read as it is.
    Text,
    /// For a ticket or a wiki.
    Markdown,
    /// One page that needs nothing else.
    Html,
    /// For programs: field names are the columns of the SQL contract.
    Json,
    /// The counts by topic and group, by RFC 4180.
    Csv,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The window.
    pub window: Window,
    /// When the answers were taken.
    pub made: Timestamp,
    /// The one business flow that is asked for.
    pub flow: Option<String>,
    /// What the next command needs to reach the same database, such as ` --db demo.duckdb`; empty for the default.
    pub reach: String,
}

/// The answers that a summary is made of, as they came.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// `totals` of the window.
    pub totals: Table,
    /// `totals` of everything that is kept.
    pub ever: Table,
    /// `counts` of the window.
    pub counts: Table,
    /// `failures` of the window.
    pub failures: Table,
    /// `lag` as of the last sample.
    pub lag: Table,
    /// `business_flows`.
    pub flows: Table,
    /// `business` of the window.
    pub business: Table,
    /// What kept cases from being completed.
    pub losses: Table,
    /// How long completed cases took.
    pub durations: Table,
    /// The window in steps.
    pub series: Table,
    /// What was not seen, by topic and reason.
    pub not_seen: Table,
    /// What retention deleted, in all.
    pub deleted: Table,
    /// Names of those answers that had more rows than one answer may have.
    pub cut: Vec<&'static str>,
}

/// What happened in a window.
#[derive(Debug, Clone)]
pub struct Summary {
    asked: Asked,
    answers: Answers,
    totals: Totals,
    ever: Totals,
    counts: Vec<CountRow>,
    failures: Vec<FailureGroup>,
    lag: Vec<LagRow>,
    flows: Vec<BusinessFlowRow>,
    business: Vec<BusinessRow>,
    losses: Vec<Loss>,
    durations: Vec<DurationBin>,
    series: Vec<SeriesRow>,
    not_seen: Vec<NotSeen>,
    deleted: Option<Deleted>,
}

impl Summary {
    /// Reads the answers.
    ///
    /// # Errors
    /// A table without a column that it should have: it comes from another version of headwater.
    pub fn new(asked: Asked, answers: Answers) -> Result<Self, RowError> {
        Ok(Self {
            totals: headline(&answers.totals)?,
            ever: headline(&answers.ever)?,
            counts: CountRow::from_table(&answers.counts)?,
            failures: FailureGroup::from_table(&answers.failures)?,
            lag: LagRow::from_table(&answers.lag)?,
            flows: BusinessFlowRow::from_table(&answers.flows)?,
            business: BusinessRow::from_table(&answers.business)?,
            losses: Loss::from_table(&answers.losses)?,
            durations: DurationBin::from_table(&answers.durations)?,
            series: SeriesRow::from_table(&answers.series)?,
            not_seen: NotSeen::from_table(&answers.not_seen)?,
            deleted: Deleted::from_table(&answers.deleted)?.pop(),
            asked,
            answers,
        })
    }

    /// The summary in `format`. `style` says what a terminal can show; only text looks at it.
    pub fn render(&self, format: Format, style: &Style) -> String {
        match format {
            Format::Text => text::render(&compose::page(self), style),
            Format::Markdown => markdown::render(&compose::page(self)),
            Format::Html => html::render(&compose::page(self)),
            Format::Json => json::render(self),
            Format::Csv => csv::render(&self.answers.counts),
        }
    }

    /// True when nothing was ever read into the database.
    fn holds_nothing(&self) -> bool {
        self.ever.seen == 0 && self.ever.received == 0
    }

    /// True when nothing happened in the window.
    fn is_quiet(&self) -> bool {
        let Totals { received, passed, failed, .. } = self.totals;
        received == 0 && passed == 0 && failed == 0
    }

    /// Names of the clusters that were read.
    fn clusters(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.counts.iter().map(|row| row.cluster.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// `totals` always has one row; an answer without one counts nothing.
fn headline(table: &Table) -> Result<Totals, RowError> {
    let nothing = Totals {
        received: 0,
        passed: 0,
        failed: 0,
        healed: 0,
        dead: 0,
        retrying: 0,
        orphaned_failures: 0,
        unattended: 0,
        retried: 0,
        waiting: 0,
        orphaned: 0,
        topics: 0,
        groups: 0,
        seen: 0,
        missing: 0,
        coverage: None,
        first_time: None,
        last_time: None,
    };
    Ok(Totals::from_table(table)?.pop().unwrap_or(nothing))
}

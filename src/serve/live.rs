//! Questions about the cluster as it is now, which the door answers itself: `live_explain`, `live_payload`,
//! `live_check`.

use super::query::Session;
use super::refusal;
use crate::report::{Cell, Column, ColumnType, Table};
use pgwire::error::PgWireResult;

/// One line of an explanation: section, field, value, place, convention, rank, raw, reads_as, reason.
type Line = [Option<String>; 9];

const EXPLAINED: [&str; 9] = ["section", "field", "value", "place", "convention", "rank", "raw", "reads_as", "reason"];

/// Why a record was understood as it was.
#[derive(Debug, Clone, Default)]
pub struct Explained {
    /// One line a finding.
    pub lines: Vec<Line>,
    /// The whole as one JSON document.
    pub json: String,
}

/// Reads records where they lie. Each answer is whole, or a sentence that says why there is none.
pub trait Live: Send + Sync + std::fmt::Debug {
    /// Explains the record at `at`, `topic/partition/offset`; without `values` nothing that was written in it.
    ///
    /// # Errors
    /// Why there is no such record, or why it cannot be read.
    fn explain(&self, at: &str, values: bool) -> Result<Explained, String>;

    /// The record at `at` as a line of a capture.
    ///
    /// # Errors
    /// As [`Live::explain`], and where the configuration keeps payloads in Kafka.
    fn payload(&self, at: &str) -> Result<String, String>;

    /// What the doctor says: subject, state, detail, and the command that changes it.
    ///
    /// # Errors
    /// Why it cannot look.
    fn check(&self) -> Result<Vec<[Option<String>; 4]>, String>;
}

/// A live question as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// `live_explain('t/p/o' [, 'json'] [, 'no values'])`
    Explain { at: String, json: bool, values: bool },
    /// `live_payload('t/p/o')`
    Payload { at: String },
    /// `live_check()`
    Check,
}

impl Question {
    /// The question that is called `name`, with what was `given`; `None` where there is none.
    pub(super) fn named(name: &str, given: &[String]) -> Option<Self> {
        match (name, given) {
            ("live_explain", [at, how @ ..])
                if how.iter().all(|word| matches!(word.as_str(), "json" | "no values")) =>
            {
                let says = |wanted: &str| how.iter().any(|word| word == wanted);
                Some(Self::Explain { at: at.clone(), json: says("json"), values: !says("no values") })
            }
            ("live_payload", [at]) => Some(Self::Payload { at: at.clone() }),
            ("live_check", []) => Some(Self::Check),
            _ => None,
        }
    }

    /// What it answers with.
    pub(super) fn columns(&self) -> Vec<Column> {
        let names: &[&str] = match self {
            Self::Explain { json: true, .. } => &["explanation"],
            Self::Explain { .. } => &EXPLAINED,
            Self::Payload { .. } => &["record"],
            Self::Check => &["subject", "state", "detail", "command"],
        };
        names.iter().map(|name| Column { name: (*name).to_owned(), kind: ColumnType::Text }).collect()
    }

    fn rows(&self, live: &dyn Live) -> Result<Vec<Vec<Option<String>>>, String> {
        Ok(match self {
            Self::Explain { at, json: true, values } => vec![vec![Some(live.explain(at, *values)?.json)]],
            Self::Explain { at, values, .. } => live.explain(at, *values)?.lines.into_iter().map(Vec::from).collect(),
            Self::Payload { at } => vec![vec![Some(live.payload(at)?)]],
            Self::Check => live.check()?.into_iter().map(Vec::from).collect(),
        })
    }
}

/// Answers `question` on a thread that may block.
///
/// # Errors
/// What [`Live`] says, and a door that has no cluster behind it.
pub(super) async fn ask(session: &Session, question: &Question) -> PgWireResult<Table> {
    let Some(live) = session.shared.live.clone() else {
        return Err(refusal("0A000", "no cluster stands behind this door: ask the door of a running tap"));
    };
    let asked = question.clone();
    let answered = tokio::task::spawn_blocking(move || asked.rows(&*live)).await;
    let cell = |text: Option<String>| text.map_or(Cell::Null, Cell::Text);
    match answered {
        Ok(Ok(rows)) => {
            let rows = rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
            Ok(Table { columns: question.columns(), rows })
        }
        Ok(Err(why)) => Err(refusal("22023", why)),
        Err(_) => Err(refusal("XX000", "the question ended the thread that asked it; please report it")),
    }
}

//! Asks on a thread of its own: the client blocks, and drawing must not.
//!
//! One question at a time; of those that came meanwhile only the newest is asked. A tap that went away is looked for
//! again and again, less and less often, until it answers.

use super::ask::{About, Answer, Part, Question};
use super::event::What;
use super::{Connect, Secret};
use crate::client::find::{self, FindError, Place};
use crate::client::trace::{self, Scope, TraceError};
use crate::client::{self, Client, query};
use crate::event::Timestamp;
use crate::report::deleted;
use crate::report::rows::{CoverageLine, Match, RowError};
use crate::report::{Cell, Column, ColumnType, Table};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// First wait before a tap that went away is looked for again.
const RETRY_MIN: Duration = Duration::from_millis(500);
/// Longest wait: a person looks at the screen.
const RETRY_MAX: Duration = Duration::from_secs(8);

/// A question with the generation that its answer carries back.
#[derive(Debug)]
pub struct Job {
    /// The generation.
    pub generation: u64,
    /// The question.
    pub question: Question,
}

/// Why there is no answer.
enum Failed {
    /// The tap is not there.
    Gone(String),
    /// It is there, and refused.
    Refused(String),
}

impl From<client::Error> for Failed {
    fn from(error: client::Error) -> Self {
        use client::Error as E;
        let text = error.to_string();
        match error {
            E::NoDoor { .. } | E::Stale { .. } | E::Broken { .. } | E::RunFile { .. } | E::Busy { .. } => {
                Self::Gone(text)
            }
            _ => Self::Refused(text),
        }
    }
}

impl From<RowError> for Failed {
    fn from(error: RowError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<TraceError> for Failed {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Ask(error) => error.into(),
            TraceError::Row(error) => error.into(),
        }
    }
}

impl From<FindError> for Failed {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Ask(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Answers `jobs` until their sender is gone.
pub fn run(mut client: Option<Client>, connect: &Connect, secret: &Secret, ways: (Receiver<Job>, Sender<What>)) {
    let (jobs, out) = ways;
    let mut wait = RETRY_MIN;
    loop {
        let job = match &client {
            Some(_) => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            None => jobs.recv_timeout(wait),
        };
        if matches!(job, Err(RecvTimeoutError::Disconnected)) {
            return;
        }
        if client.is_none() {
            match connect() {
                Ok(found) => {
                    client = Some(found);
                    wait = RETRY_MIN;
                    // What was asked of the former tap is asked again by whoever hears this.
                    if out.blocking_send(What::Found).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    wait = (wait * 2).min(RETRY_MAX);
                    if out.blocking_send(What::Lost { reason: error.to_string() }).is_err() {
                        return;
                    }
                }
            }
            continue;
        }
        let (Ok(job), Some(asked)) = (job, &client) else { continue };
        // Only the newest counts: the others are answers that nobody waits for any more.
        let job = jobs.try_iter().last().unwrap_or(job);
        let what = match answer(asked, secret, job.question.clone()) {
            Ok(answer) => What::Answer { generation: job.generation, answer: Box::new(answer) },
            Err(Failed::Refused(reason)) => {
                What::Refused { generation: job.generation, question: job.question, reason }
            }
            Err(Failed::Gone(reason)) => {
                client = None;
                What::Lost { reason }
            }
        };
        if out.blocking_send(what).is_err() {
            return;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long an answer took decides when the next is asked; this is the edge"
)]
fn answer(client: &Client, secret: &Secret, question: Question) -> Result<Answer, Failed> {
    let began = Instant::now();
    let mut answer =
        Answer { question, parts: BTreeMap::new(), notes: Vec::new(), cut: false, took_ms: 0, summed: None };
    let window = [answer.question.since, answer.question.until].map(time);
    answer.parts.insert(Part::Totals, client.ask(&query::TOTALS, &window)?);
    answer.parts.insert(Part::Standing, client.ask(&query::STANDING, &[])?);
    match answer.question.about.clone() {
        About::Overview => {
            answer.parts.insert(Part::Pulse, client.ask(&query::PULSE, &window)?);
            failures(client, &mut answer, false)?;
            answer.parts.insert(Part::Lag, client.ask(&query::LAG, &[])?);
        }
        About::Consumers { selected } => {
            answer.parts.insert(Part::Lag, client.ask(&query::LAG, &[])?);
            if let Some(reader) = selected {
                let of = [reader.cluster, reader.group, reader.topic].map(Cell::Text);
                answer.parts.insert(Part::Progress, client.ask(&query::GROUP_PARTITIONS, &of)?);
            }
        }
        About::Failures { orphans } => failures(client, &mut answer, orphans)?,
        About::Trace { reference } => {
            let scope = trace::scope(client, reference)?;
            conversation(client, &mut answer, &scope, &[reference])?;
        }
        About::Find { text } => look_up(client, secret, &mut answer, &text)?,
    }
    answer.took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    Ok(answer)
}

fn failures(client: &Client, answer: &mut Answer, orphans: bool) -> Result<(), Failed> {
    let [since, until] = [answer.question.since, answer.question.until].map(time);
    let table = client.ask(&query::FAILURES_IN, &[since, until, Cell::Bool(orphans)])?;
    answer.cut |= client.was_cut();
    answer.parts.insert(Part::Failures, table);
    Ok(())
}

/// A bound of a window; NULL where it is open.
fn time(time: Option<Timestamp>) -> Cell {
    time.map_or(Cell::Null, |time| Cell::Time(time.0))
}

fn conversation(client: &Client, answer: &mut Answer, scope: &Scope, asked: &[i64]) -> Result<(), Failed> {
    let (tables, partitions) = trace::fetch(client, scope, asked)?;
    if partitions > trace::PARTITIONS_MAX {
        answer.notes.push(format!(
            "the conversation lies on {partitions} partitions; groups are shown for the first {}",
            trace::PARTITIONS_MAX
        ));
    }
    answer.notes.extend(trace::deleted_before(client, &tables)?.map(deleted));
    answer.parts.extend([
        (Part::Nodes, tables.nodes),
        (Part::Edges, tables.edges),
        (Part::TraceFailures, tables.failures),
        (Part::Passage, tables.passage),
        (Part::Coverage, tables.coverage),
    ]);
    answer.cut |= tables.summed.as_ref().is_some_and(|summed| summed.cut);
    answer.summed = tables.summed;
    Ok(())
}

/// As `headwater trace ID`: one conversation is fetched, several are listed, of nothing the reason is told.
fn look_up(client: &Client, secret: &Secret, answer: &mut Answer, text: &str) -> Result<(), Failed> {
    let found = find::all(Place { client, secret: &**secret }, text)?;
    answer.notes.extend(found.notes);
    let Some(first) = found.matches.first() else {
        let coverage = CoverageLine::from_table(&client.ask(&query::COVERAGE, &[])?)?;
        answer.notes.insert(0, find::why_not(client, text, &coverage)?);
        return Ok(());
    };
    let scope = trace::scope_of(client, first.conversation)?;
    if found.matches.iter().all(|m| scope.holds(m.conversation)) {
        let asked: Vec<i64> = found.matches.iter().map(|m| m.reference).collect();
        conversation(client, answer, &scope, &asked)?;
    }
    answer.parts.insert(Part::Matches, matches(found.matches));
    Ok(())
}

/// Matches of several questions as one table.
fn matches(matches: Vec<Match>) -> Table {
    let kinds = |name: &str| match name {
        "ref" | "conversation" => ColumnType::BigInt,
        "time" => ColumnType::Time,
        _ => ColumnType::Text,
    };
    let columns = Match::COLUMNS.iter().map(|name| Column { name: (*name).to_owned(), kind: kinds(name) });
    let row = |m: Match| {
        vec![
            Cell::Int(m.reference),
            Cell::Text(m.coordinates),
            Cell::Time(m.time.0),
            Cell::Text(m.kind),
            m.event_type.map_or(Cell::Null, Cell::Text),
            Cell::Int(m.conversation),
            Cell::Text(m.matched),
        ]
    };
    Table { columns: columns.collect(), rows: matches.into_iter().map(row).collect() }
}

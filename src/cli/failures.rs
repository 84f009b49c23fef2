//! `headwater failures`: what failed, and where it came from.

mod watching;

use super::args::{self, FailureFormat};
use super::output;
use super::source::Source;
use crate::client::{proof, query};
use crate::config;
use crate::event::{Timestamp, clean};
use crate::report::duplicates;
use crate::report::failures::{self, Format, ListAnswers, SignatureAnswers};
use crate::report::rows::{
    Attempt, BlastRow, CoverageLine, Duplicate, FailureLine, FailureSample, FailureStanding, Orphan, Parked,
    SignatureFact,
};
use crate::report::style;
use crate::report::text::{self, Look};
use crate::report::{Cell, Table, json};
use anyhow::bail;
use serde_json::json;
use std::process::ExitCode;

/// Failures of one signature that are shown one by one.
const SAMPLES_MAX: i64 = 10;
/// Records of one failure that are shown: a retry that goes in circles has no last one.
const ATTEMPTS_MAX: i64 = 50;
/// Rows of a list of what should be given again, as the macro bounds it.
const REDRIVE_MAX: usize = 10_000;

/// Where the parameters of [`query::FAILURES`] say whether orphans only are asked for, and as of when.
const ORPHANS: usize = 2;
const AS_OF: usize = 5;

/// What was asked, with its words understood.
struct Asked<'a> {
    args: &'a args::Failures,
    source: Source,
    now: Timestamp,
    since: Option<Timestamp>,
    at: Option<Timestamp>,
}

/// `headwater failures`: the list, one signature, the orphans, what is new, or what should be given again.
pub(super) fn run(args: &args::Failures) -> anyhow::Result<ExitCode> {
    let now = output::now();
    let since = args.since.as_deref().map(|word| config::since(word, now)).transpose()?;
    let at = args.at.as_deref().map(|word| config::when("at", word, now)).transpose()?;
    let asked = Asked { args, source: Source::open(&args.reading.source)?, now, since, at };
    if args.watch {
        return watching::run(&asked);
    }
    let answer = match args {
        args::Failures { redrive: true, .. } => asked.redrive()?,
        args::Failures { orphans: true, .. } => asked.orphans()?,
        args::Failures { duplicates: true, .. } => asked.duplicates()?,
        _ => asked.failures()?,
    };
    output::print(&answer)?;
    Ok(ExitCode::SUCCESS)
}

impl Asked<'_> {
    fn json(&self) -> bool {
        self.args.reading.json || self.args.format == Some(FailureFormat::Json)
    }

    fn format(&self) -> Format {
        match self.args.format {
            Some(FailureFormat::Markdown) => Format::Markdown,
            _ => Format::Text,
        }
    }

    /// The list, or the page of the signature that is asked for.
    fn failures(&self) -> anyhow::Result<String> {
        let table = self.kinds()?;
        let (coverage, lines) = self.source.coverage()?;
        let own = match &self.args.signature {
            None => table,
            Some(start) => begins(&table, start),
        };
        let kinds = FailureLine::from_table(&own)?;
        let style = output::style();
        let look = Look { style: &style, now: self.now, reach: &self.source.reach };
        match (&self.args.signature, one(&kinds)) {
            (Some(start), None) if kinds.is_empty() => bail!(self.unknown(start)?),
            (Some(start), None) if !self.json() => return Ok(failures::several(start, &kinds, &look, self.format())),
            (Some(_), Some(signature)) if self.at.is_none() => {
                return self.signature(signature, &own, &coverage, &look);
            }
            _ => {}
        }
        let parked = match self.at {
            None => self.source.client.ask(&query::PARKED, &[])?,
            Some(_) => Table::default(),
        };
        if self.json() {
            let document = json!({
                "failures": json::rows(&own),
                "parked": json::rows(&parked),
                "coverage": json::rows(&coverage),
            });
            return Ok(json::document(&document));
        }
        if kinds.is_empty() {
            return Ok(text::nothing("no failures", &self.why_none()?, &lines));
        }
        let parked = if self.at.is_some() { Vec::new() } else { Parked::from_table(&parked)? };
        let answers = ListAnswers { kinds: &kinds, parked: &parked, coverage: &lines, window: &self.window() };
        Ok(failures::list(&answers, &look, self.format()))
    }

    /// Rows of `failures()` in the window and under the filters.
    fn kinds(&self) -> anyhow::Result<Table> {
        let parameters = self.parameters(self.since, self.args.unattended);
        Ok(self.source.client.ask(&query::FAILURES, &parameters)?)
    }

    fn parameters(&self, since: Option<Timestamp>, unattended: bool) -> [Cell; 6] {
        let time = |time: Option<Timestamp>| time.map_or(Cell::Null, |time| Cell::Time(time.0));
        [time(since), Cell::Null, Cell::Bool(false), Cell::Bool(unattended), Cell::Null, time(self.at)]
    }

    fn signature(&self, signature: &str, kinds: &Table, coverage: &Table, look: &Look<'_>) -> anyhow::Result<String> {
        let ask = |query, parameters: &[Cell]| self.source.client.ask(query, parameters);
        let name = Cell::Text(signature.to_owned());
        let facts = ask(&query::SIGNATURE_FACTS, std::slice::from_ref(&name))?;
        let samples = ask(&query::SIGNATURE_SAMPLES, &[name.clone(), Cell::Int(SAMPLES_MAX)])?;
        let blast = ask(&query::BLAST_OF, &[name])?;
        let parked = ask(&query::PARKED, &[])?;
        let listed = FailureSample::from_table(&samples)?;
        let (attempts, history) = match listed.first() {
            Some(latest) => {
                let of = Cell::Int(latest.reference);
                (
                    ask(&query::FAILURE_ATTEMPTS, &[of.clone(), Cell::Int(ATTEMPTS_MAX)])?,
                    ask(&query::FAILURE_HISTORY, &[of])?,
                )
            }
            None => (Table::default(), Table::default()),
        };
        if self.json() {
            return Ok(json::document(&json!({
                "signature": signature,
                "failures": json::rows(kinds),
                "facts": json::rows(&facts),
                "samples": json::rows(&samples),
                "attempts": json::rows(&attempts),
                "history": json::rows(&history),
                "blast": json::rows(&blast),
                "parked": json::rows(&parked),
                "coverage": json::rows(coverage),
            })));
        }
        let facts = SignatureFact::from_table(&facts)?;
        let own = |topic: &Parked| facts.iter().any(|f| f.fact == "letter" && f.name.as_ref() == Some(&topic.topic));
        let parked: Vec<Parked> = Parked::from_table(&parked)?.into_iter().filter(own).collect();
        let (attempts, history) = match listed.is_empty() {
            true => (Vec::new(), Vec::new()),
            false => (Attempt::from_table(&attempts)?, FailureStanding::from_table(&history)?),
        };
        let answers = SignatureAnswers {
            kinds: &FailureLine::from_table(kinds)?,
            facts: &facts,
            samples: &listed,
            attempts: &attempts,
            history: &history,
            blast: &BlastRow::from_table(&blast)?,
            parked: &parked,
            coverage: &CoverageLine::from_table(coverage)?,
            window: &self.window(),
            filtered: self.since.is_some() || self.args.unattended,
        };
        Ok(failures::signature(&answers, look, self.format()))
    }

    fn orphans(&self) -> anyhow::Result<String> {
        let table = self.source.client.ask(&query::ORPHANS, &[])?;
        let (coverage, lines) = self.source.coverage()?;
        let table = since_column(&table, "time", self.since);
        if self.json() {
            let mut parameters = self.parameters(self.since, false);
            parameters[ORPHANS] = Cell::Bool(true);
            let kinds = self.source.client.ask(&query::FAILURES, &parameters)?;
            let document = json!({
                "failures": json::rows(&kinds),
                "orphans": json::rows(&table),
                "coverage": json::rows(&coverage),
            });
            return Ok(json::document(&document));
        }
        let rows = Orphan::from_table(&table)?;
        if rows.is_empty() {
            let why = match self.since {
                Some(_) => "every way back that is known leads to a root; without --since older ones are listed, too",
                None => "every way back that is known leads to a root, or still waits for its cause",
            };
            return Ok(text::nothing("nothing is orphaned", why, &lines));
        }
        let style = output::style();
        let look = Look { style: &style, now: self.now, reach: &self.source.reach };
        Ok(failures::orphans(&rows, &self.window(), &lines, &look, self.format()))
    }

    fn duplicates(&self) -> anyhow::Result<String> {
        let since = self.since.map_or(Cell::Null, |time| Cell::Time(time.0));
        let table = self.source.client.ask(&proof::DUPLICATES, &[since, Cell::Null])?;
        let (coverage, lines) = self.source.coverage()?;
        if self.json() {
            let document = json!({ "duplicates": json::rows(&table), "coverage": json::rows(&coverage) });
            return Ok(json::document(&document));
        }
        let window = match self.since {
            Some(_) => self.window(),
            None => "the last 24 h before the newest event".to_owned(),
        };
        let rows = Duplicate::from_table(&table)?;
        if rows.is_empty() {
            let why = format!(
                "in {window} no id lies twice on a topic, and no cause has an effect twice that it usually has once"
            );
            return Ok(text::nothing("nothing came again", &why, &lines));
        }
        let style = output::style();
        Ok(duplicates::render(&rows, &window, &Look { style: &style, now: self.now, reach: &self.source.reach }))
    }

    /// One JSON object a line: nothing else is on stdout, so that a tool can read it.
    fn redrive(&self) -> anyhow::Result<String> {
        let signature = match &self.args.signature {
            None => Cell::Null,
            Some(start) => {
                let own = begins(&self.kinds()?, start);
                let kinds = FailureLine::from_table(&own)?;
                match one(&kinds) {
                    Some(signature) => Cell::Text(signature.to_owned()),
                    None if kinds.is_empty() => bail!(self.unknown(start)?),
                    None => bail!("several signatures begin with `{}`; more letters tell them apart", clean(start)),
                }
            }
        };
        let since = self.since.map_or(Cell::Null, |time| Cell::Time(time.0));
        let list = self.source.client.ask(&query::REDRIVE, &[signature, since])?;
        let records = style::plural(list.rows.len() as i64, "record");
        let more = match list.rows.len() {
            REDRIVE_MAX.. => ", the latest; --signature or --since choose others",
            0 => ": nothing was given up, or it healed, or its usual effects came",
            _ => "",
        };
        output::note(&format!("headwater: {records} to give again{more}; headwater gives nothing to any group"));
        Ok(json::ndjson(&list))
    }

    /// The window and the filters in words.
    fn window(&self) -> String {
        let mut words = match (&self.args.since, &self.at) {
            (Some(word), _) => format!("since {}", clean(word)),
            (None, _) => "all that was seen".to_owned(),
        };
        if self.args.unattended {
            words.push_str(", unattended");
        }
        if let Some(at) = self.at {
            words.push_str(&format!(", as it stood at {} UTC", style::date_time(at)));
        }
        words
    }

    /// An empty answer says whether a filter made it so.
    fn why_none(&self) -> anyhow::Result<String> {
        let args = self.args;
        let used = [(args.since.is_some(), "--since"), (args.unattended, "--unattended"), (args.at.is_some(), "--at")];
        let filters: Vec<&str> = used.into_iter().filter_map(|(used, name)| used.then_some(name)).collect();
        let all = match filters.is_empty() {
            true => 0,
            false => {
                let mut everything = self.parameters(None, false);
                everything[AS_OF] = Cell::Null;
                let answer = self.source.client.ask(&query::FAILURES, &everything)?;
                FailureLine::from_table(&answer)?.iter().map(|line| line.failures).fold(0i64, i64::saturating_add)
            }
        };
        Ok(match all {
            0 => "only failures that leave a record are seen: dead letters, retries, faults".to_owned(),
            n => format!("without {} there are {n}", filters.join(" and ")),
        })
    }

    /// Says that no signature begins so, and whether one does without the filters.
    fn unknown(&self, start: &str) -> anyhow::Result<String> {
        let everything = self.source.client.ask(&query::FAILURES, &self.parameters(None, false))?;
        let elsewhere = !begins(&everything, start).rows.is_empty();
        let next = match elsewhere && (self.args.since.is_some() || self.args.unattended) {
            true => "without --since and --unattended there is one",
            false => "`headwater failures` lists them",
        };
        Ok(format!("no failure has a signature that begins with `{}`; {next}", clean(start)))
    }
}

/// The one signature of some kinds.
fn one(kinds: &[FailureLine]) -> Option<&str> {
    let first = kinds.first()?;
    kinds.iter().all(|line| line.signature == first.signature).then_some(first.signature.as_str())
}

/// The rows whose signature begins so; one that is exactly so is meant alone.
fn begins(table: &Table, start: &str) -> Table {
    let at = table.columns.iter().position(|column| column.name == "signature");
    let start = start.trim().to_ascii_lowercase();
    let rows = |of: &dyn Fn(&str) -> bool| -> Vec<Vec<Cell>> {
        let holds = |row: &&Vec<Cell>| matches!(at.and_then(|at| row.get(at)), Some(Cell::Text(own)) if of(&own.to_ascii_lowercase()));
        table.rows.iter().filter(holds).cloned().collect()
    };
    let exact = rows(&|own| own == start);
    let rows = if exact.is_empty() { rows(&|own| own.starts_with(&start)) } else { exact };
    Table { columns: table.columns.clone(), rows }
}

/// The rows whose time is not before `since`.
fn since_column(table: &Table, column: &str, since: Option<Timestamp>) -> Table {
    let at = table.columns.iter().position(|c| c.name == column);
    let late = |row: &&Vec<Cell>| match (since, at.and_then(|at| row.get(at))) {
        (Some(since), Some(Cell::Time(time))) => *time >= since.0,
        _ => true,
    };
    Table { columns: table.columns.clone(), rows: table.rows.iter().filter(late).cloned().collect() }
}

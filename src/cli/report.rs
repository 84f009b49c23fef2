//! `headwater report`: a window in five formats.

use super::Usage;
use super::args::{self, ReportFormat};
use super::output;
use super::source::Source;
use crate::client::{Query, query};
use crate::config;
use crate::event::{Timestamp, clean};
use crate::report::rows::{BusinessFlowRow, Totals};
use crate::report::summary::{Answers, Asked, Format, Summary, Window, series_step};
use crate::report::{Cell, Table};
use anyhow::Context;
use std::cell::RefCell;
use std::path::Path;
use std::process::ExitCode;

/// Endings of files, and what they mean.
const ENDINGS: [(&str, Format); 8] = [
    ("txt", Format::Text),
    ("text", Format::Text),
    ("md", Format::Markdown),
    ("markdown", Format::Markdown),
    ("html", Format::Html),
    ("htm", Format::Html),
    ("json", Format::Json),
    ("csv", Format::Csv),
];

/// `headwater report`.
pub(super) fn run(args: &args::Report) -> anyhow::Result<ExitCode> {
    let format = format(args)?;
    let made = output::now();
    let window = window(args, made)?;
    let source = Source::open(&args.reading.source)?;
    let asked = Asked { window, made, flow: args.flow.clone(), reach: source.reach.clone() };
    let answers = answers(&source, &asked)?;
    let summary = Summary::new(asked, answers)?;
    match &args.output {
        None => output::print(&summary.render(format, &output::style()))?,
        Some(file) => {
            let text = summary.render(format, &crate::report::Style::default());
            std::fs::write(file, text)
                .with_context(|| format!("write {}; name a file that you may write", file.display()))?;
            output::note(&format!("headwater: report: wrote {}", clean(&file.display().to_string())));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn format(args: &args::Report) -> Result<Format, Usage> {
    if args.reading.json {
        return match args.format {
            None | Some(ReportFormat::Json) => Ok(Format::Json),
            Some(_) => Err(Usage("--json and another --format exclude each other; give one of them".to_owned())),
        };
    }
    match (args.format, &args.output) {
        (Some(ReportFormat::Text), _) => Ok(Format::Text),
        (Some(ReportFormat::Markdown), _) => Ok(Format::Markdown),
        (Some(ReportFormat::Html), _) => Ok(Format::Html),
        (Some(ReportFormat::Json), _) => Ok(Format::Json),
        (Some(ReportFormat::Csv), _) => Ok(Format::Csv),
        (None, None) => Ok(Format::Text),
        (None, Some(file)) => by_ending(file),
    }
}

fn by_ending(file: &Path) -> Result<Format, Usage> {
    let Some(ending) = file.extension().map(|ending| ending.to_string_lossy().to_lowercase()) else {
        return Ok(Format::Text);
    };
    let known = ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format);
    known.ok_or_else(|| Usage(format!("no format ends in .{}; say which with --format", clean(&ending))))
}

fn window(args: &args::Report, now: Timestamp) -> anyhow::Result<Window> {
    let since = config::when("since", &args.since, now)?;
    let until = args.until.as_deref().map(|word| config::when("until", word, now)).transpose()?;
    if until.unwrap_or(now) <= since {
        let until = args.until.as_deref().unwrap_or("now");
        return Err(Usage(format!("since {} is not before until {until}; name an earlier --since", args.since)).into());
    }
    let ago = args.until.is_none() && config::duration(&args.since).is_some();
    Ok(Window::new(since, until.unwrap_or(now), ago.then_some(args.since.trim())))
}

/// Asks everything, and notes which answers were cut.
fn answers(source: &Source, asked: &Asked) -> anyhow::Result<Answers> {
    let cut = RefCell::new(Vec::new());
    let ask = |query: &Query, parameters: &[Cell]| -> anyhow::Result<Table> {
        let answer = source.client.ask(query, parameters)?;
        if source.client.was_cut() {
            cut.borrow_mut().push(query.name);
        }
        Ok(answer)
    };
    let bounds = [Cell::Time(asked.window.since.0), Cell::Time(asked.window.until.0)];
    let [since, until] = bounds.clone();
    let flow = asked.flow.clone().map_or(Cell::Null, Cell::Text);
    let of_flow = [flow, since.clone(), until.clone()];
    let flows = ask(&query::BUSINESS_FLOWS, &[])?;
    check_flow(asked.flow.as_deref(), &flows)?;
    let ever = ask(&query::TOTALS, &[Cell::Null, Cell::Null])?;
    let seen = Totals::from_table(&ever)?.pop().and_then(|totals| totals.first_time.zip(totals.last_time));
    let (step_s, begin) = series_step(&asked.window, seen);
    let answers = Answers {
        totals: ask(&query::TOTALS, &bounds)?,
        ever,
        counts: ask(&query::COUNTS, &bounds)?,
        failures: ask(&query::FAILURES_IN, &[since.clone(), until.clone(), Cell::Bool(false)])?,
        lag: ask(&query::LAG, &[])?,
        flows,
        business: ask(&query::BUSINESS, &of_flow)?,
        losses: ask(&query::REPORT_LOSSES, &of_flow)?,
        durations: ask(&query::REPORT_DURATIONS, &of_flow)?,
        series: ask(&query::REPORT_SERIES, &[since, until, Cell::Time(begin.0), Cell::Int(step_s)])?,
        not_seen: ask(&query::REPORT_NOT_SEEN, &[])?,
        deleted: ask(&query::REPORT_DELETED, &[])?,
        cut: Vec::new(),
    };
    Ok(Answers { cut: cut.into_inner(), ..answers })
}

/// A flow that is not configured is a typing mistake, not one without events.
fn check_flow(asked: Option<&str>, flows: &Table) -> anyhow::Result<()> {
    let Some(asked) = asked else { return Ok(()) };
    let names: Vec<String> = BusinessFlowRow::from_table(flows)?.into_iter().map(|flow| flow.flow).collect();
    if names.iter().any(|name| name == asked) {
        return Ok(());
    }
    let known = match names.is_empty() {
        true => "none is configured: add [[business_flow]] to headwater.toml and start the tap again".to_owned(),
        false => format!("these are: {}", names.join(", ")),
    };
    Err(Usage(format!("no business flow is called {asked}; {known}")).into())
}

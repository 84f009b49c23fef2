//! `headwater sql`: whatever the user asks, read-only, written as it comes.

use super::args::{self, Format};
use super::source::Source;
use super::{FAILED, Usage, output};
use crate::report::Table;
use crate::report::parts::{Parts, Shape};
use anyhow::Context;
use std::io::{self, ErrorKind, Read, Write, stdin};
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Longest question that is read from stdin, in bytes: longer ones are refused anyway.
const QUESTION_LIMIT: u64 = 1 << 20;

/// Asks, and writes the answer.
pub(super) fn run(args: &args::Sql) -> anyhow::Result<ExitCode> {
    let question = question(&args.query)?;
    let source = Source::open(&args.reading.source)?;
    let shape = match if args.reading.json { Format::Json } else { args.format } {
        Format::Table => Shape::Table,
        Format::Json => Shape::Json,
        Format::Ndjson => Shape::Ndjson,
        Format::Csv => Shape::Csv { harmless: output::is_terminal() },
    };
    let mut parts = Parts::new(shape, output::style());
    let mut out = output::stream();
    let mut written = Ok(());
    source.client.stream(&question, &mut |part: Table| {
        written = parts.push(part, &mut out);
        if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let rows = parts.rows();
    match written.and_then(|()| parts.end(&mut out)) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return gone(out),
        written => written.context("write the answer")?,
    }
    if source.client.was_cut() {
        output::error(&format!(
            "sql: the door of the tap cut the answer after {rows} rows; ask for fewer with WHERE or LIMIT, or ask a \
             backup with --db, which has no such limit"
        ));
        return Ok(ExitCode::from(FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whoever read the answer has what they wanted; what is left of it is not written.
fn gone(out: io::BufWriter<impl Write>) -> anyhow::Result<ExitCode> {
    drop(out.into_parts());
    Ok(ExitCode::SUCCESS)
}

/// What was typed, or what stands on stdin.
fn question(typed: &str) -> anyhow::Result<String> {
    let mut text = typed.to_owned();
    if typed == "-" {
        text.clear();
        stdin().lock().take(QUESTION_LIMIT + 1).read_to_string(&mut text).context("read the question from stdin")?;
    }
    match text.trim().is_empty() {
        true => Err(Usage("there is no question; write one SELECT, or - and the question on stdin".to_owned()).into()),
        false => Ok(text),
    }
}

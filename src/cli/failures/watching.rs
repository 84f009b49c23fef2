//! `headwater failures --watch`: what is new, as it comes.

use super::{Asked, begins};
use crate::cli::{output, stop};
use crate::report::Table;
use crate::report::failures::Watch;
use crate::report::json;
use crate::report::rows::FailureLine;
use anyhow::bail;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time between two looks: soon enough for a person, little enough for the tap.
const BETWEEN: Duration = Duration::from_secs(2);
/// A wait is cut into parts of this, so that Ctrl-C ends it at once.
const PART: Duration = Duration::from_millis(100);

/// Looks again and again until a signal.
pub(super) fn run(asked: &Asked<'_>) -> anyhow::Result<ExitCode> {
    if asked.source.file {
        bail!(
            "{} is a closed file: nothing new can come; watch a running tap with --connect URL, or leave --watch out",
            asked.source.database.display()
        );
    }
    let stop = stop::flag()?;
    let mut watch = Watch::default();
    let mut first = true;
    while !stop.load(Ordering::SeqCst) {
        let table = asked.kinds()?;
        let table = asked.args.signature.as_ref().map_or_else(|| table.clone(), |start| begins(&table, start));
        let kinds = FailureLine::from_table(&table)?;
        let news = watch.look(&kinds, first);
        if first {
            let failures = kinds.iter().map(|line| line.failures).fold(0i64, i64::saturating_add);
            output::note(&format!(
                "headwater: {failures} failures of {} kinds so far; what is new follows, Ctrl-C ends",
                kinds.len()
            ));
        }
        first = false;
        let now = output::now();
        for entry in &news {
            match asked.json() {
                true => output::print(&json::ndjson(&row_of(&table, &kinds, entry.kind)))?,
                false => output::print(&format!("{}\n", entry.line(now)))?,
            }
        }
        wait(&stop);
    }
    Ok(ExitCode::SUCCESS)
}

/// The row that a kind was read from.
fn row_of(table: &Table, kinds: &[FailureLine], kind: &FailureLine) -> Table {
    let at = kinds.iter().position(|line| std::ptr::eq(line, kind));
    let rows = at.and_then(|at| table.rows.get(at)).cloned().into_iter().collect();
    Table { columns: table.columns.clone(), rows }
}

fn wait(stop: &AtomicBool) {
    let parts = BETWEEN.as_millis() / PART.as_millis();
    for _ in 0..parts {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        std::thread::sleep(PART);
    }
}

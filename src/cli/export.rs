//! `headwater export`: the views of a closed file as Parquet.

use super::args::ExportViews;
use super::{Usage, output};
use crate::client::{ExportWindow, Exporter, StoreError};
use crate::config;
use crate::report::json::document;
use crate::report::style;
use serde_json::json;
use std::process::ExitCode;

/// Writes one file a view.
pub(super) fn run(args: &ExportViews) -> anyhow::Result<ExitCode> {
    let now = output::now();
    let time = |name, text: &Option<String>| text.as_deref().map(|word| config::when(name, word, now)).transpose();
    let window = ExportWindow { since: time("since", &args.since)?, until: time("until", &args.until)? };
    let views = Exporter::views(&args.views).map_err(|error| match error {
        StoreError::NoView { .. } => {
            anyhow::Error::from(Usage(error.to_string().replacen(": the views", "; the views", 1)))
        }
        other => other.into(),
    })?;
    let exporter = Exporter::open(&config::database(args.of.db.clone())?, &args.folder)?;
    let mut rows = Vec::new();
    for (at, view) in views.iter().enumerate() {
        if output::is_terminal() {
            output::note(&format!("headwater: {} of {}: {view}", at + 1, views.len()));
        }
        let made = exporter.export(view, window)?;
        let line = format!(
            "{view:<20} {:>12} {:>14} bytes  {}\n",
            style::plural(made.rows, "row"),
            style::count(i64::try_from(made.bytes).unwrap_or(i64::MAX)),
            made.file.display()
        );
        if !args.json {
            output::print(&line)?;
        }
        rows.push(json!({ "view": view, "rows": made.rows, "bytes": made.bytes, "file": made.file }));
    }
    if args.json {
        output::print(&document(&json!(rows)))?;
    }
    Ok(ExitCode::SUCCESS)
}

//! `headwater erase`: all that a closed file knows of the records of a key.

use super::args::Erase;
use super::{FAILED, Usage, output, source};
use crate::client::find::key_hashes;
use crate::client::{Erased, Erasure};
use crate::config;
use crate::report::json::document;
use crate::report::style;
use serde_json::json;
use std::fmt::Write;
use std::io::{BufRead, IsTerminal, Read, stdin};
use std::path::Path;
use std::process::ExitCode;

/// Longest answer that is read, in bytes.
const LINE_LIMIT: u64 = 64;

/// What stays, whatever is erased here.
const STAYS: &str = "  counts of what was received and passed stay; failures of these records count no more
  out of reach: the records in Kafka, backups and exports made before, spans that a collector was told, logs
  the read positions stay, so this file does not read those records again; a new database, or an import into one, does
";

/// Shows what is there, asks, and erases it.
pub(super) fn run(args: &Erase) -> anyhow::Result<ExitCode> {
    let Some(value) = args.key.strip_prefix("key:").filter(|value| !value.is_empty()) else {
        return Err(Usage(format!("`{}` names no key; write key:VALUE", args.key)).into());
    };
    if !args.yes && !args.dry_run && !stdin().is_terminal() {
        return Err(Usage("nobody can be asked here; give --yes, or --dry-run to see what would go".to_owned()).into());
    }
    let database = config::database(args.of.db.clone())?;
    let erasure = erasure(&database, value)?;
    if args.dry_run {
        return report(args, &erasure.look()?, "would erase");
    }
    if !args.yes {
        let found = erasure.look()?;
        output::note(&format!("{}{STAYS}", listed(&found, "is about to erase")));
        output::ask("erase it? type yes: ");
        let mut line = String::new();
        stdin().lock().take(LINE_LIMIT).read_line(&mut line)?;
        if line.trim() != "yes" {
            output::error("erase: nothing was changed; type yes, or give --yes");
            return Ok(ExitCode::from(FAILED));
        }
    }
    report(args, &erasure.erase()?, "erased")
}

fn erasure(database: &Path, value: &str) -> anyhow::Result<Erasure> {
    // Whoever mistyped the file hears that, not of its secret.
    if !database.exists() {
        return Err(crate::client::StoreError::Missing { path: database.to_owned() }.into());
    }
    let secret = source::secret(database).map_err(anyhow::Error::msg)?;
    Ok(Erasure::new(database, key_hashes(&secret, value).into_keys(), value))
}

fn report(args: &Erase, found: &Erased, done: &str) -> anyhow::Result<ExitCode> {
    if args.json {
        let tables: serde_json::Map<String, serde_json::Value> =
            found.tables.iter().map(|table| (table.table.clone(), table.rows.into())).collect();
        output::print(&document(&json!({
            "erased": !args.dry_run && !found.is_nothing(), "rows": tables, "sample": found.sample, "bytes": found.bytes,
        })))?;
    } else if found.is_nothing() {
        output::print("nothing of this key is in the file\n")?;
    } else {
        output::print(&format!("{}{STAYS}", listed(found, done)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows by table, and the first records.
fn listed(found: &Erased, done: &str) -> String {
    let mut out = format!("headwater {done}:\n");
    for table in found.tables.iter().filter(|table| table.rows > 0) {
        let _ = writeln!(out, "  {:<20} {:>12}", table.table, style::plural(table.rows, "row"));
    }
    if !found.sample.is_empty() {
        let _ = writeln!(out, "  first records: {}", found.sample.join(", "));
    }
    if found.unfinished {
        out.push_str("  an earlier erasure was left in the middle: this ends it\n");
    }
    let bytes = style::count(i64::try_from(found.bytes).unwrap_or(i64::MAX));
    let _ = writeln!(out, "  the file is written anew, which takes up to {bytes} bytes of room beside it");
    out
}

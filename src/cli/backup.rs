//! `headwater backup`: a whole copy, of a running tap or a closed file.

use super::args;
use super::output;
use super::source::Source;
use crate::client::{self, Backup};
use crate::report::json::document;
use crate::report::style;
use crate::tap;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Copies, and says what the copy holds.
pub(super) fn run(args: &args::Backup) -> anyhow::Result<ExitCode> {
    let folder = std::path::absolute(&args.folder)?;
    let (made, database) = make(args, &folder)?;
    let until = made.until.map(|time| style::rfc3339(time.0));
    if args.reading.json {
        output::print(&document(&json!({
            "file": made.file, "bytes": made.bytes, "events": made.events, "until": until,
            "blocked_ms": made.blocked.map(|time| time.as_secs_f64() * 1000.0),
        })))?;
        return Ok(ExitCode::SUCCESS);
    }
    let until = until.map_or_else(String::new, |until| format!(", seen until {until}"));
    let blocked = match made.blocked {
        Some(time) => format!("\n  the tap wrote nothing else for {:.3} s, and goes on", time.as_secs_f64()),
        None => String::new(),
    };
    output::print(&format!(
        "backed up {}{until}: {} bytes in {}{blocked}\n  not in it: {}, the secret of its keys; copy it to another \
         place\n  next   headwater failures --db {}\n",
        style::plural(made.events, "event"),
        style::count(i64::try_from(made.bytes).unwrap_or(i64::MAX)),
        made.file.display(),
        tap::secret_path(&database).display(),
        made.file.display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The copy, and the database that it is of.
fn make(args: &args::Backup, folder: &Path) -> anyhow::Result<(Backup, PathBuf)> {
    // A file that is named is copied as it is, also one of an earlier version, which no other command reads.
    if let Some(database) = &args.reading.source.db {
        return Ok((client::backup_closed(database, &name(folder, database))?, database.clone()));
    }
    let Source { client, database, file, .. } = Source::open(&args.reading.source)?;
    let to = name(folder, &database);
    if file {
        drop(client);
        return Ok((client::backup_closed(&database, &to)?, database));
    }
    Ok((client.backup(&to)?, database))
}

/// Database and second: `headwater-20260131T080000.duckdb`.
fn name(folder: &Path, database: &Path) -> PathBuf {
    let stem = database.file_stem().map_or("headwater".into(), |stem| stem.to_string_lossy());
    let now: String = style::rfc3339(output::now().0).chars().filter(|c| !"-:".contains(*c)).take(15).collect();
    folder.join(format!("{stem}-{now}.duckdb"))
}

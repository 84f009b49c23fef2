//! DuckDB behind one writer and many readers. The only module that names `duckdb`; the SQL itself is in `queries/`.
//!
//! - [`Writer`] owns the file: it creates or migrates it, gives back what it holds ([`Restored`]) and appends
//!   [`crate::event::Changes`], each in one transaction together with the read positions.
//! - [`Readers`] answer questions, from the writer's process or from a closed file. They cannot change anything, cannot
//!   reach files or the network, and are interrupted before they can starve the writer.
//! - [`query`] names every statement.

mod backup;
mod barriers;
mod cells;
mod columns;
mod draft;
mod erase;
mod export;
mod facts;
mod file;
mod lost;
mod names;
mod outbox;
mod passed;
mod pool;
mod progress;
pub mod query;
mod readers;
mod recent;
mod recover;
mod restore;
mod retention;
mod slices;
mod spill;
mod statement;
mod suspects;
mod tally;
#[cfg(test)]
mod tests;
mod unpassed;
mod writer;

pub use backup::{Backup, backup_file};
pub use erase::{Erased, Erasure, TableRows};
pub use export::{ExportWindow, Exported, Exporter};
pub use file::{SCHEMA_VERSION, Settings};
pub use outbox::{OutboxEntry, OutboxLink, OutboxPage, OutboxPart, OutboxState, ToldEvent, ToldFailure};
pub use pool::MAX_READERS;
pub use readers::{Answer, Canceller, Limits, Reader, Readers};
pub use recent::RecentEvent;
pub use restore::{FAILURES_RESTORED, Restored};
pub use retention::Retained;
pub use suspects::{Candidate, Place, Suspects};
pub use writer::Writer;

use std::path::PathBuf;

/// What can go wrong with the database. Messages that people see end with what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no file to read.
    #[error("no database at {path}: start `headwater tap` or `headwater import` first, or name another with --db")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another process has the file open.
    #[error("{path} is open in {holder}: ask that tap with --connect, or stop it first")]
    Locked {
        /// The file.
        path: PathBuf,
        /// The process that holds the lock, as DuckDB names it.
        holder: String,
    },
    /// A later version of this program wrote the file.
    #[error(
        "{path} has schema version {found}, and this headwater knows versions up to {known}: use the newer headwater \
         that wrote it, or name another file with --db"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The latest version that is known.
        known: u32,
    },
    /// An earlier version wrote the file, and it was opened for reading only.
    #[error(
        "{path} has schema version {found} and needs {known}: run `headwater tap` or `headwater import` on it once"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// A database of something else.
    #[error("{path} is a DuckDB database, but not one of headwater: name another file with --db")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be opened.
    #[error("cannot open {path}: {source}; check the path and the rights on it, or name another file with --db")]
    Open {
        /// The file.
        path: PathBuf,
        /// What DuckDB says.
        source: duckdb::Error,
    },
    /// The rights on the file could not be restricted to its owner.
    #[error("cannot restrict {path} to its owner: {source}; check who owns it")]
    Restrict {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A statement of headwater's own failed.
    #[error("cannot {operation} `{subject}`: {source}")]
    Statement {
        /// What was done.
        operation: &'static str,
        /// The table or statement.
        subject: &'static str,
        /// What DuckDB says.
        source: duckdb::Error,
    },
    /// A new file could not be written, or a file not be read.
    #[error(
        "cannot {operation} {path}: {source}; see that there is room and that it may be written, or name another folder"
    )]
    File {
        /// What was done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is there that would have to be overwritten.
    #[error("{path} is there already, and nothing is overwritten: name another folder, or move it away")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another backup is waiting, or readers hold on to the log.
    #[error("the writer is busy with another backup, or with readers that do not end: try again in a moment")]
    BackupBusy,
    /// Nobody took the order.
    #[error(
        "the writer does not answer: it is stopping, or this database is not being written; back up the closed file"
    )]
    NoWriter,
    /// A view that is none of the contract.
    #[error("there is no view `{name}`: the views are {known}")]
    NoView {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The file holds a value that headwater never writes.
    #[error("the database holds `{value}` as {subject}, which headwater never writes: restore it from a backup")]
    Corrupt {
        /// What the value stands for.
        subject: &'static str,
        /// The value.
        value: String,
    },
    /// DuckDB gave the whole database up; it must be opened again.
    #[error("the database was invalidated while it was written: {message}; open it again")]
    Invalidated {
        /// What DuckDB says.
        message: String,
    },
    /// A question that is no single read-only statement.
    #[error("refused: {reason}; ask one SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN statement")]
    Refused {
        /// Why.
        reason: String,
    },
    /// The question could not be answered.
    #[error("{message}")]
    Question {
        /// What DuckDB says.
        message: String,
    },
    /// The question took longer than allowed.
    #[error("stopped after {seconds} s: narrow the time window, or ask for less")]
    Deadline {
        /// The limit.
        seconds: u64,
    },
    /// The asker took the question back, or the writer needed the memory.
    #[error(
        "interrupted: the asker cancelled it, or the tap needed its memory, or a moment without questions for a backup; \
         ask again, or narrow the time window"
    )]
    Interrupted,
    /// The disk took no more, or lost what it had.
    #[error(
        "the disk refuses to write {path} ({message}); {free} MiB are free there: make room, or check the disk and the \
         rights, then start again; what was committed before is intact"
    )]
    Disk {
        /// The file.
        path: PathBuf,
        /// Free space in MiB, for people.
        free: String,
        /// What DuckDB says.
        message: String,
    },
    /// The file was removed or renamed.
    #[error(
        "{path} was removed while it was written, and what it held with it: put it back from a backup, or start again \
         with a new one"
    )]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// Questions did not end, and the database cannot be opened again before.
    #[error("questions hold on to a database that must be opened again: start again; what was committed is intact")]
    Held,
    /// The database is closed, to be opened again.
    #[error("the database is being opened again: try again in a moment")]
    Away,
    /// The system gave no thread.
    #[error("cannot start the thread that watches questions: {source}; raise the limit of processes")]
    Threads {
        /// What the system says.
        source: std::io::Error,
    },
    /// All readers are busy.
    #[error("all {readers} readers are busy: try again in a moment")]
    Busy {
        /// How many there are.
        readers: usize,
    },
}

impl Error {
    fn statement(operation: &'static str, subject: &'static str) -> impl FnOnce(duckdb::Error) -> Self {
        move |source| {
            let message = source.to_string();
            if is_fatal(&message) {
                Self::Invalidated { message }
            } else {
                Self::Statement { operation, subject, source }
            }
        }
    }

    /// True when the same commit may succeed once readers have given memory back.
    fn is_out_of_memory(&self) -> bool {
        let Self::Statement { source, .. } = self else { return false };
        let message = source.to_string();
        NO_MEMORY.iter().any(|words| message.contains(words))
    }
}

/// What DuckDB says when memory is used up; an appender leaves out the kind of the error.
const NO_MEMORY: [&str; 5] =
    ["Out of Memory", "failed to allocate", "could not allocate", "failed to pin block", "failed to resize block"];

fn is_fatal(message: &str) -> bool {
    message.contains("FATAL") || message.contains("database has been invalidated")
}

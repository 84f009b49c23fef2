//! What the writer does when a commit fails: memory is taken back from readers, a database that DuckDB gave up or may have
//! spoiled in memory is opened again, and a disk that refuses is named.

use super::file::{open_for_writing, run};
use super::query::write;
use super::{Error, Writer};
use crate::event::CounterRow;
use duckdb::Connection;
use std::path::Path;
use std::time::Duration;

/// How often a commit that ran out of memory is tried again, each time without any reader. Readers are the only others
/// that use the database's memory: when four rounds without them do not help, nothing will.
const MEMORY_RETRIES: u32 = 4;

/// How long the writer waits for interrupted readers to give their memory back; DuckDB heeds an interrupt within
/// milliseconds.
pub(super) const READERS_YIELD: Duration = Duration::from_secs(2);

/// How long questions may take to end before the database is opened again. One in the middle of a long step heeds no
/// interrupt: 15 s were seen.
const READERS_LEAVE: Duration = Duration::from_secs(60);

/// How often the database is opened again for one commit. With the pauses these are eight seconds: a disk that is full for
/// a moment passes, one that stays full is told to somebody.
const REOPENINGS: u32 = 5;

/// Pause before the second opening; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// Name of the counter of openings after DuckDB gave the database up.
const REOPENED: &str = "database_reopened";

/// Name of the counter of questions that were ended because they had used the memory up.
const ENDED_FOR_MEMORY: &str = "queries_ended_for_memory";

/// What the system says when a disk takes no more, in the words that DuckDB passes on.
const DISK_REFUSALS: [&str; 5] =
    ["No space left on device", "File too large", "Disk quota exceeded", "Input/output error", "Read-only file system"];

/// How often what was tried for one commit.
#[derive(Debug, Default)]
pub(super) struct Tries {
    memory: u32,
    reopened: u32,
}

/// What the writer has counted of its own rescue.
#[derive(Debug, Default)]
pub(super) struct Rescues {
    reopened: f64,
    /// Questions that were ended in earlier runs.
    ended_before: f64,
    told: (f64, f64),
}

impl Rescues {
    /// Goes on from the counters of earlier runs.
    pub(super) fn restore(counters: &[CounterRow]) -> Self {
        let value = |name: &str| counters.iter().find(|row| row.name == name).map_or(0.0, |row| row.value);
        let (reopened, ended_before) = (value(REOPENED), value(ENDED_FOR_MEMORY));
        Self { reopened, ended_before, told: (reopened, ended_before) }
    }

    /// Adds what changed since the last call to the counters of a commit.
    pub(super) fn tell(&mut self, ended: u64, counters: &mut Vec<CounterRow>) {
        let now = (self.reopened, self.ended_before + ended as f64);
        for (name, value, told) in [(REOPENED, now.0, self.told.0), (ENDED_FOR_MEMORY, now.1, self.told.1)] {
            if value != told {
                counters.push(CounterRow { name: name.into(), value });
            }
        }
        self.told = now;
    }
}

impl Writer {
    /// Makes way for another try of a commit that failed with `error`.
    ///
    /// # Errors
    /// `error` itself, in words for people, when another try is of no use.
    pub(super) fn make_way(&mut self, error: Error, tries: &mut Tries) -> Result<(), Error> {
        if error.is_out_of_memory() && tries.memory < MEMORY_RETRIES {
            tries.memory += 1;
            tracing::warn!(attempt = tries.memory, "a commit ran out of memory: it is tried again without questions");
            // Whoever is interrupted would ask again at once.
            self.pool.hold(true);
            // DuckDB 1.5.5 takes such a commit back badly: columns of its table in memory are left with different
            // lengths, and what is appended next gets values of other rows. What is on the disk is right.
            match self.reopen() {
                Ok(()) => return Ok(()),
                Err(lost @ (Error::Held | Error::Gone { .. })) => return Err(lost),
                Err(failed) => return self.make_way(Error::Invalidated { message: failed.to_string() }, tries),
            }
        }
        self.pool.hold(false);
        let mut error = if is_aborted(&error) { Error::Invalidated { message: error.to_string() } } else { error };
        while matches!(error, Error::Invalidated { .. }) && tries.reopened < REOPENINGS {
            if tries.reopened > 0 {
                std::thread::sleep(PAUSE * (1 << (tries.reopened - 1)));
            }
            tries.reopened += 1;
            tracing::error!(attempt = tries.reopened, %error, "the database was given up: it is opened again");
            match self.reopen() {
                Ok(()) => return Ok(()),
                Err(lost @ (Error::Held | Error::Gone { .. })) => return Err(lost),
                Err(failed) => error = Error::Invalidated { message: failed.to_string() },
            }
        }
        Err(explain(error, &self.path))
    }

    /// Whether the database holds commit `number`, which failed.
    ///
    /// # Errors
    /// As [`Self::make_way`].
    pub(super) fn holds(&mut self, number: i64, tries: &mut Tries) -> Result<bool, Error> {
        loop {
            // The commit's own rollback may have failed for want of memory too.
            let _ = run(&self.conn, &write::ROLLBACK);
            match self.last_number() {
                Ok(last) => return Ok(last == number),
                Err(error) => self.make_way(error, tries)?,
            }
        }
    }

    /// Closes the database and opens it again, for the readers too. The commits that it holds are what counts: whatever
    /// was written of the last one, all of it is there or nothing.
    fn reopen(&mut self) -> Result<(), Error> {
        // Two engines on one file would ruin it, and the lock of a file does not stop the process that holds it.
        if !self.pool.detach(READERS_LEAVE) {
            return Err(Error::Held);
        }
        let nowhere = Connection::open_in_memory().map_err(Error::statement("open", "memory"))?;
        drop(std::mem::replace(&mut self.conn, nowhere));
        // A new, empty file would not hold what the numbers of the next commits refer to.
        self.check_present()?;
        let opened = open_for_writing(&self.path, &self.settings)?;
        let root = opened.conn.try_clone().map_err(Error::statement("open", "readers"))?;
        self.conn = opened.conn;
        self.pool.attach(root, opened.spill)?;
        self.rescues.reopened += 1.0;
        tracing::warn!(path = %self.path.display(), "the database is open again; what was committed is there");
        self.restrict_log()
    }

    /// Refuses to go on writing into a file that nobody can open any more.
    pub(super) fn check_present(&self) -> Result<(), Error> {
        let found = self.path.symlink_metadata();
        let gone = found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        if gone { Err(Error::Gone { path: self.path.clone() }) } else { Ok(()) }
    }
}

/// True when a transaction could not even be rolled back: only a new connection gets rid of it.
fn is_aborted(error: &Error) -> bool {
    matches!(error, Error::Statement { source, .. } if source.to_string().contains("Current transaction is aborted"))
}

/// Names the disk when it is the disk that refuses.
pub(super) fn explain(error: Error, path: &Path) -> Error {
    let message = match &error {
        Error::Invalidated { message } => message.clone(),
        Error::Statement { source, .. } | Error::Open { source, .. } => source.to_string(),
        _ => return error,
    };
    if !DISK_REFUSALS.iter().any(|words| message.contains(words)) {
        return error;
    }
    let free = free_space(path).map_or_else(|| "an unknown number of".to_owned(), |bytes| (bytes >> 20).to_string());
    Error::Disk { path: path.into(), free, message }
}

/// Bytes that are free for this process where `path` lies.
fn free_space(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let disk = rustix::fs::statvfs(folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

#[cfg(test)]
mod tests;

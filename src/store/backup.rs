//! Backups: a whole copy of the file, of a running tap by its writer, of a closed file directly.
//!
//! Only the writer knows when nothing is half written. It checkpoints and copies between two commits; the rest, until
//! the copy is safe under its name, is done by whoever ordered it.

use super::draft::{Draft, failed};
use super::file::{connect, meta, run};
use super::query::{ask, write};
use super::restore::optional_time;
use super::spill::Spill;
use super::{Error, Readers, Settings, Writer};
use crate::event::Timestamp;
use duckdb::AccessMode;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an order waits for the writer: it comes between two commits, of which a slow one takes seconds.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// How often a checkpoint is tried until the log is empty: readers that hold on to it are interrupted each time.
const CHECKPOINTS: u32 = 3;

/// How long interrupted readers may take to let go.
const READERS_YIELD: Duration = Duration::from_secs(2);

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many events it holds.
    pub events: i64,
    /// Up to when they were seen; `None` where there are none.
    pub until: Option<Timestamp>,
    /// How long the writer wrote nothing else; `None` for a closed file.
    pub blocked: Option<Duration>,
}

/// Where the one order lies that the writer has not taken yet.
#[derive(Default)]
pub(super) struct Orders(Mutex<Option<Order>>);

struct Order {
    draft: PathBuf,
    done: SyncSender<Result<Duration, Error>>,
}

impl Orders {
    fn slot(&self) -> MutexGuard<'_, Option<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the writer copy the file to `draft`; gives how long that took.
    fn copy(&self, draft: &Path) -> Result<Duration, Error> {
        let (done, copied) = sync_channel(1);
        {
            let mut slot = self.slot();
            if slot.is_some() {
                return Err(Error::BackupBusy);
            }
            *slot = Some(Order { draft: draft.into(), done });
        }
        match copied.recv_timeout(TAKEN_WITHIN) {
            Ok(copied) => copied,
            Err(RecvTimeoutError::Timeout) if self.slot().take_if(|order| order.draft == draft).is_some() => {
                Err(Error::NoWriter)
            }
            Err(_) => copied.recv().map_err(|_| Error::NoWriter)?,
        }
    }
}

impl Readers {
    /// Has the writer of this database make a copy of the file as `to`, and waits for it.
    ///
    /// # Errors
    /// [`Error::Exists`] for a file that is there, [`Error::File`] where it cannot be written, [`Error::NoWriter`] when
    /// nobody writes this database, [`Error::BackupBusy`] while another is waiting. Then nothing is left behind.
    pub fn backup(&self, to: &Path) -> Result<Backup, Error> {
        let draft = Draft::new(to)?;
        draft.create()?;
        let blocked = self.pool.backups.copy(draft.path())?;
        finish(draft, to, Some(blocked))
    }
}

impl Writer {
    /// Makes the backup that was ordered, if one was. `clock` says how long that took.
    pub fn serve_backup(&self, clock: fn() -> Instant) {
        let pool = self.readers().pool;
        let Some(order) = pool.backups.slot().take() else { return };
        let begun = clock();
        let copied = self.copy_to(&order.draft).map(|()| clock().saturating_duration_since(begun));
        // Whoever ordered it may have gone.
        let _ = order.done.send(copied);
    }

    fn copy_to(&self, draft: &Path) -> Result<(), Error> {
        self.empty_log()?;
        let pool = self.readers().pool;
        let source = match pool.file.get() {
            Some(file) => file,
            None => {
                let opened = File::open(self.path()).map_err(failed("read", self.path()))?;
                pool.file.get_or_init(|| opened)
            }
        };
        copy(source, draft)
    }

    fn empty_log(&self) -> Result<(), Error> {
        let pool = self.readers().pool;
        for _ in 0..CHECKPOINTS {
            let done = self.checkpoint();
            if done.is_ok() && log_bytes(self.path()) == 0 {
                return Ok(());
            }
            pool.interrupt_all(READERS_YIELD);
        }
        self.checkpoint()?;
        if log_bytes(self.path()) > 0 { Err(Error::BackupBusy) } else { Ok(()) }
    }
}

/// Copies the closed file `path` to `to`. A log that a killed tap left beside it goes into the copy; the file itself
/// stays as it is.
///
/// # Errors
/// As [`Readers::backup`], and as [`Readers::open_file`] for what is no closed file of ours.
pub fn backup_file(path: &Path, to: &Path) -> Result<Backup, Error> {
    if !path.exists() {
        return Err(Error::Missing { path: path.into() });
    }
    // Keeps a tap out meanwhile.
    let conn = connect(path, &Settings::default(), AccessMode::ReadOnly, &Spill::of_reader(path))?;
    if meta(&conn, path)?.is_none() {
        return Err(Error::Foreign { path: path.into() });
    }
    let draft = Draft::new(to)?;
    draft.create()?;
    // Open until the end: to close one takes the lock away.
    let source = File::open(path).map_err(failed("read", path))?;
    let log = (log_bytes(path) > 0).then(|| File::open(log_of(path)).map_err(failed("read", path))).transpose()?;
    copy(&source, draft.path())?;
    if let Some(log) = &log {
        File::create(log_of(draft.path())).map_err(failed("create", draft.path()))?;
        copy(log, &log_of(draft.path()))?;
        run(
            &connect(draft.path(), &Settings::default(), AccessMode::ReadWrite, &Spill::of_reader(draft.path()))?,
            &write::CHECKPOINT,
        )?;
    }
    finish(draft, to, None)
}

/// Opens the copy once, so that a backup that is said to be there can be read, and gives it its name.
fn finish(draft: Draft, to: &Path, blocked: Option<Duration>) -> Result<Backup, Error> {
    let (events, until) = {
        let conn = connect(draft.path(), &Settings::default(), AccessMode::ReadOnly, &Spill::of_reader(draft.path()))?;
        conn.query_row(ask::REACH.sql, [], |row| Ok((row.get(0)?, optional_time(row, 1)?)))
            .map_err(Error::statement("read", ask::REACH.name))?
    };
    let bytes = draft.publish()?;
    Ok(Backup { file: to.into(), bytes, events, until, blocked })
}

/// Copies the whole of `source` into the file `to`, which is there.
fn copy(mut source: &File, to: &Path) -> Result<(), Error> {
    let mut target = File::options().write(true).open(to).map_err(failed("write", to))?;
    let copied = source.seek(SeekFrom::Start(0)).and_then(|_| io::copy(&mut source, &mut target));
    copied.map(drop).map_err(failed("write", to))
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".wal");
    name.into()
}

fn log_bytes(path: &Path) -> u64 {
    fs::metadata(log_of(path)).map_or(0, |log| log.len())
}

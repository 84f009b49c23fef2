//! Asks a running tap through its door, or opens a closed file. Both answer the same question with the same table.

mod door;
pub mod find;
mod id;
mod key;
pub mod run_file;
pub mod trace;
mod upkeep;
mod wire;

use self::run_file::Secret;
pub use self::upkeep::{Backup, Erased, Erasure, ExportWindow, Exporter, StoreError, backup_closed};
use crate::report::{Cell, Table};
pub use crate::store::query::Query;
pub use crate::store::query::ask as query;
pub use crate::store::query::proof;
use crate::store::{self, Answer, Limits, Readers, Settings};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// The database when none is named.
pub const DATABASE: &str = "headwater.duckdb";

/// The door when none is named and no run file says otherwise.
pub const DOOR: &str = "postgres://127.0.0.1:5439/headwater";

/// Most rows of one answer from a file: as many as a door gives.
const ROW_LIMIT: usize = 1_000_000;

/// Longest time for one question to a file. Nobody else waits for it, so it may take longer than at a door.
const ASK_TIME: Duration = Duration::from_secs(600);

const FILE_LIMITS: Limits = Limits { rows: ROW_LIMIT, deadline: ASK_TIME };

/// Why a question got no answer. Each message ends with what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be read.
    #[error("cannot read the URL {url}: {reason}; write it like {DOOR}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Nobody answers at the URL.
    #[error(
        "no tap answers at {url} ({reason}); start one with `headwater tap`, or name a closed file with `--db FILE`"
    )]
    NoDoor {
        /// The URL.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The tap asks for a login, and this was none.
    #[error(
        "the tap at {url} asks for a login ({reason}); put the user into the URL (postgres://NAME@…) and the password \
         into HEADWATER_PASSWORD"
    )]
    Login {
        /// The URL.
        url: String,
        /// What the tap said.
        reason: String,
    },
    /// A run file names a tap that does not answer.
    #[error(
        "{file} names a tap (process {pid}, {url}) that {state}; start it again with `headwater tap`, or name its \
         closed file with `--db {database}`"
    )]
    Stale {
        /// The run file.
        file: PathBuf,
        /// The process that wrote it.
        pid: u32,
        /// Its door.
        url: String,
        /// What became of it, as far as it can be seen.
        state: &'static str,
        /// The database that it wrote.
        database: PathBuf,
    },
    /// The run file cannot be read.
    #[error("cannot read {file}: {source}; remove it, or name the tap with `--connect URL`")]
    RunFile {
        /// The run file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is being written by a running tap.
    #[error("{file} is open in a running tap (process {pid}); ask that with `--connect {url}`")]
    Busy {
        /// The database.
        file: PathBuf,
        /// The tap's process.
        pid: u32,
        /// The tap's door.
        url: String,
    },
    /// The file or the question to it was refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The tap refused the question.
    #[error("{0}")]
    Refused(String),
    /// The tap went away in the middle.
    #[error("the tap at {url} closed the connection ({reason}); ask again when it runs")]
    Broken {
        /// Its door.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The system gave no resources for a connection.
    #[error("cannot start a connection: {0}; raise the limits of processes and open files")]
    Runtime(std::io::Error),
}

/// Something that answers questions.
#[derive(Debug)]
pub struct Client {
    source: Source,
    cut: AtomicBool,
}

enum Source {
    Door(Box<door::Session>),
    File(Readers),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Door(session) => session.fmt(f),
            Self::File(_) => f.write_str("file"),
        }
    }
}

impl Client {
    /// Connects to the door of a running tap. A password that the URL does not name is taken from `HEADWATER_PASSWORD`
    /// or `PGPASSWORD`.
    ///
    /// # Errors
    /// A URL that cannot be read, nobody there, or a login that was refused.
    pub fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, None)
    }

    /// Connects as [`Client::connect`]; `password` is that of the tap's owner, where the URL names no user.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_with(url: &str, password: Option<&Secret>) -> Result<Self, Error> {
        Ok(Self::new(Source::Door(Box::new(door::Session::connect(url, password)?))))
    }

    /// Opens the closed database file `path`, for reading only.
    ///
    /// # Errors
    /// No such file, one that a tap is writing, or one that is not a database of this program.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let locked = match Readers::open_file(path, Settings::default()) {
            Ok(readers) => return Ok(Self::new(Source::File(readers))),
            Err(locked @ store::Error::Locked { .. }) => locked,
            Err(error) => return Err(error.into()),
        };
        Err(match run_file::read(path) {
            Ok(Some(run)) if same_file(&run.database, path) => {
                Error::Busy { file: path.to_owned(), pid: run.pid, url: run.url }
            }
            _ => locked.into(),
        })
    }

    /// What the user means: the file `db` if one is named, else the door `connect`, else the tap that the run file
    /// beside the default database names, else the default door.
    ///
    /// # Errors
    /// As [`Client::connect`] and [`Client::open`]; a run file whose tap has gone is named.
    pub fn find(connect: Option<&str>, db: Option<&Path>) -> Result<Self, Error> {
        match (db, connect) {
            (Some(path), _) => Self::open(path),
            (None, Some(url)) => {
                // The URL that the owner's own tap printed needs no typing either.
                let own = run_file::read(Path::new(DATABASE)).ok().flatten().filter(|run| run.url == url);
                Self::connect_with(url, own.and_then(|run| run.password).as_ref())
            }
            (None, None) => Self::find_beside(Path::new(DATABASE)),
        }
    }

    /// The tap that the run file beside `database` names, else the default door.
    ///
    /// # Errors
    /// Nobody there, a run file whose tap has gone, or one that cannot be read.
    pub fn find_beside(database: &Path) -> Result<Self, Error> {
        let file = run_file::path(database);
        let run = run_file::read(database).map_err(|source| Error::RunFile { file: file.clone(), source })?;
        let Some(run) = run else { return Self::connect(DOOR) };
        Self::connect_with(&run.url, run.password.as_ref()).map_err(|error| match error {
            Error::NoDoor { .. } => Error::Stale {
                file,
                pid: run.pid,
                state: if alive(run.pid) == Some(false) { "has ended" } else { "does not answer" },
                url: run.url,
                database: run.database,
            },
            said => said,
        })
    }

    /// Asks a named query with its parameters.
    ///
    /// # Errors
    /// A question that was refused, failed or took too long, or a tap that went away.
    pub fn ask(&self, query: &Query, parameters: &[Cell]) -> Result<Table, Error> {
        let answer = match &self.source {
            Source::Door(session) => session.ask(query.sql, parameters)?,
            Source::File(readers) => readers.reader()?.answer(query, parameters, FILE_LIMITS)?,
        };
        Ok(self.keep(answer))
    }

    /// Asks one statement of read-only SQL.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn sql(&self, text: &str) -> Result<Table, Error> {
        let answer = match &self.source {
            Source::Door(session) => session.ask(text, &[])?,
            Source::File(readers) => readers.reader()?.ask(text, &[], FILE_LIMITS)?,
        };
        Ok(self.keep(answer))
    }

    /// Asks one statement of read-only SQL, and gives the answer part by part until `each` breaks off: of a file all
    /// rows, of a tap as many as its door lets through. The first part tells the columns.
    ///
    /// # Errors
    /// As [`Client::ask`]; parts may have been given before.
    pub fn stream(&self, text: &str, each: &mut dyn FnMut(Table) -> ControlFlow<()>) -> Result<(), Error> {
        let cut = match &self.source {
            Source::Door(session) => session.stream(text, each)?,
            Source::File(readers) => {
                readers.reader()?.stream(text, each)?;
                false
            }
        };
        self.cut.store(cut, Relaxed);
        Ok(())
    }

    /// True when rows were left out of the last answer, because there were more than one answer may have.
    pub fn was_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    fn new(source: Source) -> Self {
        Self { source, cut: AtomicBool::new(false) }
    }

    fn keep(&self, answer: Answer) -> Table {
        self.cut.store(answer.truncated, Relaxed);
        answer.table
    }
}

/// `url` as it may be shown: `postgres://NAME:PASSWORD@HOST` without the password, and nothing of it where a password
/// may stand elsewhere.
pub fn shown(url: &str) -> String {
    let hidden = || "the given URL (not shown, since it holds a password)".to_owned();
    if url.to_ascii_lowercase().contains("password") {
        return hidden();
    }
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    let path = rest[authority..].split('?').next().unwrap_or_default();
    if path.contains('@') {
        return hidden();
    }
    let Some((user, host)) = rest[..authority].rsplit_once('@') else { return url.to_owned() };
    let name = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{name}@{host}{}", &rest[authority..])
}

/// Whether process `pid` runs; `None` where the system does not show it.
fn alive(pid: u32) -> Option<bool> {
    Path::new("/proc/self").exists().then(|| Path::new(&format!("/proc/{pid}")).exists())
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

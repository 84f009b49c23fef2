//! Opening the file: settings, schema, migrations, rights.

use super::query::{self, Query, ask, migrate, private, reports, views, write};
use super::spill::{Spill, clear_left};
use super::{Error, names};
use duckdb::{AccessMode, Config, Connection};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The schema version that this program writes: the number of migrations.
pub const SCHEMA_VERSION: u32 = migrate::ALL.len() as u32;

/// WAL size at which DuckDB checkpoints. With its default of 16 MB a 10,000-row commit stalls for up to 118 ms and bytes
/// are written 2.9 times; with 256 MB the worst commit took 9 ms.
const CHECKPOINT_THRESHOLD: &str = "256MB";

/// Bytes of DuckDB's three headers: no database is smaller.
const SMALLEST_FILE: u64 = 3 * 4096;

/// The format of the file. In older ones DuckDB forgets which parts of a macro are to be computed once, and a file that is
/// opened again answers ten times slower.
pub(super) const STORAGE_VERSION: (&str, &str) = ("storage_compatibility_version", "v1.5.0");

/// How the database engine may use the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Threads of the engine, shared by the writer and all readers.
    pub threads: u32,
    /// Memory that the engine may take, in bytes; the writer and all readers share it.
    pub memory: u64,
}

impl Default for Settings {
    /// One thread and 1 GiB: a tap is a guest on its machine. The writer and each question have a thread of their own
    /// anyway; a second one inside DuckDB made ingest a quarter dearer.
    fn default() -> Self {
        Self { threads: 1, memory: 1 << 30 }
    }
}

impl Settings {
    fn config(&self, mode: AccessMode, spill: &Spill) -> duckdb::Result<Config> {
        Config::default()
            .access_mode(mode)?
            .with("temp_directory", spill.folder().to_string_lossy())?
            .with("max_temp_directory_size", format!("{}B", Spill::bound(self.memory)))?
            .enable_autoload_extension(false)?
            .enable_external_access(false)?
            .threads(i64::from(self.threads.max(1)))?
            .max_memory(&format!("{}B", self.memory))?
            .with("checkpoint_threshold", CHECKPOINT_THRESHOLD)?
            .with(STORAGE_VERSION.0, STORAGE_VERSION.1)
    }
}

/// Facts about the file, by name.
pub(super) type Meta = HashMap<String, String>;

/// An open file.
pub(super) struct Opened {
    pub conn: Connection,
    pub meta: Meta,
    /// Where questions spill to, for as long as a connection is open.
    pub spill: Arc<Spill>,
}

/// Opens `path` for writing; makes it, or brings it to the current schema. Says whether it was made.
///
/// # Errors
/// As [`super::Writer::open`].
pub(super) fn open_for_writing(path: &Path, settings: &Settings) -> Result<Opened, Error> {
    let spill = Spill::of_writer(path);
    let again = |error| match error {
        Error::Open { .. } if remove_torn(path) => connect(path, settings, AccessMode::ReadWrite, &spill),
        error => Err(error),
    };
    let conn = connect(path, settings, AccessMode::ReadWrite, &spill).or_else(again)?;
    let version = match meta(&conn, path)? {
        Some(meta) => version(&meta)?,
        None => 0,
    };
    if version > SCHEMA_VERSION {
        return Err(Error::Newer { path: path.into(), found: version, known: SCHEMA_VERSION });
    }
    restrict(path)?;
    run(&conn, &write::BEGIN)?;
    for migration in migrate::ALL.iter().skip(version as usize) {
        run(&conn, migration)?;
    }
    note_version(&conn, version)?;
    for query in private::ALL.iter().chain(views::ALL).chain(reports::ALL) {
        run(&conn, query)?;
    }
    names::install(&conn)?;
    run(&conn, &write::COMMIT)?;
    run(&conn, &write::STAGE)?;
    run(&conn, &write::LOCK_CONFIGURATION)?;
    let meta = meta(&conn, path)?.unwrap_or_default();
    clear_left(path);
    spill.make();
    Ok(Opened { conn, meta, spill: Arc::new(spill) })
}

/// Opens a file that no tap has open, for reading only.
pub(super) fn open_for_reading(path: &Path, settings: &Settings) -> Result<Opened, Error> {
    if !path.exists() {
        return Err(Error::Missing { path: path.into() });
    }
    let spill = Spill::of_reader(path);
    let conn = connect(path, settings, AccessMode::ReadOnly, &spill)?;
    let Some(meta) = meta(&conn, path)? else { return Err(Error::Foreign { path: path.into() }) };
    let (path, found, known) = (PathBuf::from(path), version(&meta)?, SCHEMA_VERSION);
    if found > known {
        return Err(Error::Newer { path, found, known });
    }
    if found < known {
        return Err(Error::Older { path, found, known });
    }
    run(&conn, &write::LOCK_CONFIGURATION)?;
    Ok(Opened { conn, meta, spill: Arc::new(spill) })
}

/// Runs one file of statements.
pub(super) fn run(conn: &Connection, query: &Query) -> Result<(), Error> {
    conn.execute_batch(query.sql).map_err(Error::statement("run", query.name))
}

/// Takes all rights on `path` from others: types, ids and error texts are nobody else's business.
pub(super) fn restrict(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        match std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Restrict { path: path.into(), source });
            }
            _ => {}
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

pub(super) fn connect(path: &Path, settings: &Settings, mode: AccessMode, spill: &Spill) -> Result<Connection, Error> {
    let opened = settings.config(mode, spill).and_then(|config| Connection::open_with_flags(path, config));
    opened.map_err(|source| open_error(path, source))
}

/// Why a file could not be opened.
pub(super) fn open_error(path: &Path, source: duckdb::Error) -> Error {
    match lock_holder(&source.to_string()) {
        Some(holder) => Error::Locked { path: path.into(), holder },
        None => Error::Open { path: path.into(), source },
    }
}

/// Removes a file that was being made when its process or disk ended: it begins as DuckDB's do and is too short to hold
/// anything. Says whether it did.
fn remove_torn(path: &Path) -> bool {
    let Ok(bytes) = std::fs::metadata(path).map(|found| found.len()) else { return false };
    if bytes >= SMALLEST_FILE {
        return false;
    }
    let begins = std::fs::read(path).is_ok_and(|begin| begin.get(8..12) == Some(b"DUCK"));
    begins && std::fs::remove_file(path).is_ok()
}

/// The process that DuckDB's lock error names: `Conflicting lock is held in PROGRAM (PID n)`.
pub(super) fn lock_holder(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("Conflicting lock is held in ")?;
    let end = rest.find(')').map_or(rest.len(), |at| at + 1);
    Some(rest[..end].to_owned())
}

/// The facts about the file; `None` for a file without any table.
pub(super) fn meta(conn: &Connection, path: &Path) -> Result<Option<Meta>, Error> {
    let failed = |query: &Query| Error::statement("read", query.name);
    let (ours, filled): (bool, bool) = conn
        .query_row(ask::HAS_SCHEMA.sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failed(&ask::HAS_SCHEMA))?;
    if !ours {
        return if filled { Err(Error::Foreign { path: path.into() }) } else { Ok(None) };
    }
    let mut statement = conn.prepare(ask::META.sql).map_err(failed(&ask::META))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed(&ask::META))?;
    rows.collect::<duckdb::Result<Meta>>().map(Some).map_err(failed(&ask::META))
}

fn version(meta: &Meta) -> Result<u32, Error> {
    let text = meta.get("schema_version").map_or("", String::as_str);
    text.parse().map_err(|_| Error::Corrupt { subject: "schema_version", value: text.to_owned() })
}

fn note_version(conn: &Connection, before: u32) -> Result<(), Error> {
    let now = SCHEMA_VERSION.to_string();
    if before == 0 {
        for (name, value) in [("schema_version", now), ("id_key", random_key()), ("created_by", created_by())] {
            insert_meta(conn, name, &value)?;
        }
    } else if before < SCHEMA_VERSION {
        conn.execute(write::SCHEMA_VERSION.sql, [now]).map_err(Error::statement("run", write::SCHEMA_VERSION.name))?;
    }
    Ok(())
}

fn insert_meta(conn: &Connection, name: &str, value: &str) -> Result<(), Error> {
    conn.execute(query::write::META.sql, [name, value]).map_err(Error::statement("run", write::META.name))?;
    Ok(())
}

fn created_by() -> String {
    format!("headwater {}", env!("CARGO_PKG_VERSION"))
}

/// 128 bits that nobody outside can guess, as hexadecimal digits. `RandomState` is SipHash under a key that the
/// operating system draws, so its hashes are such bits, without one more dependency.
fn random_key() -> String {
    let (one, two) = (RandomState::new(), RandomState::new());
    format!("{:016x}{:016x}", one.hash_one(0u8), two.hash_one(1u8))
}

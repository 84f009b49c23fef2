//! A closed file's public views as Parquet, one file a view.

use super::draft::{Draft, failed};
use super::file::{STORAGE_VERSION, meta, open_for_reading};
use super::query::{Query, export, views};
use super::{Error, Settings};
use crate::event::Timestamp;
use duckdb::{AccessMode, Config, Connection};
use std::path::{Path, PathBuf};

/// Earliest and latest time of a window without that bound, µs: the years 1 and 9999, which is what the file can hold.
const FIRST_TIME: i64 = -62_135_596_800_000_000;
const LAST_TIME: i64 = 253_402_300_800_000_000;

/// What of a view belongs to a window.
enum Bound {
    /// Rows whose time of this name lies in it.
    Time(&'static str),
    /// Rows whose column of this name is an event that was seen in it.
    Event(&'static str),
    /// All rows: they have no time.
    None,
}

/// From when on, and before when; `None` for no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportWindow {
    /// Begin, included.
    pub since: Option<Timestamp>,
    /// End, not included.
    pub until: Option<Timestamp>,
}

/// One file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its view.
    pub view: &'static str,
    /// Where it is.
    pub file: PathBuf,
    /// How many rows it holds.
    pub rows: i64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Writes the views of one closed file into one folder.
pub struct Exporter {
    conn: Connection,
    folder: PathBuf,
}

impl Exporter {
    /// Opens the closed file `path`, to write into `folder`, which is made. The connection reaches that folder and
    /// nothing else.
    ///
    /// # Errors
    /// As [`super::Readers::open_file`], and [`Error::File`] for a folder that cannot be made.
    pub fn open(path: &Path, folder: &Path) -> Result<Self, Error> {
        // Says what is wrong with the file, if anything is.
        drop(open_for_reading(path, &Settings::default())?);
        std::fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
        let folder = folder.canonicalize().map_err(failed("find", folder))?;
        let conn = unconfined(path, AccessMode::ReadOnly)?;
        meta(&conn, path)?;
        let confine = filled(&export::CONFINE, &[("folder", &literal(&folder.display().to_string()))]);
        conn.execute_batch(&confine).map_err(Error::statement("run", export::CONFINE.name))?;
        Ok(Self { conn, folder })
    }

    /// Writes the rows of `view` in `window` as `view.parquet`; all rows of views without a time.
    ///
    /// # Errors
    /// [`Error::Exists`] for a file that is there; what DuckDB says, such as a full disk. Then no half file is left.
    pub fn export(&self, view: &'static str, window: ExportWindow) -> Result<Exported, Error> {
        let file = self.folder.join(format!("{view}.parquet"));
        let draft = Draft::new(&file)?;
        let to = literal(&draft.path().display().to_string());
        let since = window.since.map_or(FIRST_TIME, |time| time.0).to_string();
        let until = window.until.map_or(LAST_TIME, |time| time.0).to_string();
        let with = |query: &Query, column: &str| {
            let words = [("view", view), ("column", column), ("since", &since), ("until", &until), ("file", &to)];
            filled(query, &words)
        };
        let sql = match bound(view) {
            _ if window == ExportWindow::default() => with(&export::WHOLE, ""),
            Bound::Time(column) => with(&export::WINDOW, column),
            Bound::Event(column) => with(&export::OF_EVENTS, column),
            Bound::None => with(&export::WHOLE, ""),
        };
        let rows = self.conn.query_row(&sql, [], |row| row.get(0)).map_err(Error::statement("export", view))?;
        let bytes = draft.publish()?;
        Ok(Exported { view, file, rows, bytes })
    }

    /// The views that `asked` names; all of them where it names none.
    ///
    /// # Errors
    /// [`Error::NoView`].
    pub fn views(asked: &[String]) -> Result<Vec<&'static str>, Error> {
        let all: Vec<&'static str> = views::ALL.iter().map(|view| view.name).collect();
        if asked.is_empty() {
            return Ok(all);
        }
        let named = |name: &String| {
            let found = all.iter().copied().find(|view| view == name);
            found.ok_or_else(|| Error::NoView { name: name.clone(), known: all.join(", ") })
        };
        asked.iter().map(named).collect()
    }
}

/// A connection that may reach other files, for headwater's own statements only.
pub(super) fn unconfined(path: &Path, mode: AccessMode) -> Result<Connection, Error> {
    let settings = Settings::default();
    let config = Config::default()
        .access_mode(mode)
        .and_then(|config| config.enable_autoload_extension(false))
        .and_then(|config| config.threads(i64::from(settings.threads)))
        .and_then(|config| config.max_memory(&format!("{}B", settings.memory)))
        .and_then(|config| config.with(STORAGE_VERSION.0, STORAGE_VERSION.1));
    let opened = config.and_then(|config| Connection::open_with_flags(path, config));
    opened.map_err(|source| super::file::open_error(path, source))
}

/// `query` with `{name}` replaced by each word.
pub(super) fn filled(query: &Query, words: &[(&str, &str)]) -> String {
    words.iter().fold(query.sql.to_owned(), |sql, (name, word)| sql.replace(&format!("{{{name}}}"), word))
}

/// `text` as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn bound(view: &str) -> Bound {
    match view {
        "event" => Bound::Time("seen_time"),
        "failure" => Bound::Time("time"),
        "minute" | "passed_minute" => Bound::Time("minute"),
        "cause" => Bound::Event("effect"),
        "attribute" => Bound::Event("ref"),
        _ => Bound::None,
    }
}

//! Erasing all that a closed file knows of the records of one key.
//!
//! Rows are deleted, and then the file is written anew: DuckDB would use the place of old rows again some day, but not
//! overwrite it now.

use super::draft::Draft;
use super::export::{filled, literal, unconfined};
use super::file::{open_for_reading, open_for_writing, run};
use super::query::{Query, erase, write};
use super::restore::rows;
use super::{Error, Settings, Writer};
use duckdb::{AccessMode, Connection};
use std::path::{Path, PathBuf};

/// Coordinates that are shown of what is to go.
const SAMPLE_ROWS: i64 = 10;

/// Rows of one table that go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// How many.
    pub rows: i64,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Rows by table.
    pub tables: Vec<TableRows>,
    /// `topic/partition/offset` of the first records.
    pub sample: Vec<String>,
    /// Size of the file in bytes: so much room is needed beside it.
    pub bytes: u64,
    /// An earlier erasure was left in the middle: the file is to be written anew.
    pub unfinished: bool,
}

impl Erased {
    /// Nothing of the key is there, and nothing is left to be done.
    pub fn is_nothing(&self) -> bool {
        !self.unfinished && self.tables.iter().all(|table| table.rows == 0)
    }
}

/// A key whose records are to go, on a closed file.
#[derive(Debug, Clone)]
pub struct Erasure {
    path: PathBuf,
    hashes: String,
    value: String,
}

impl Erasure {
    /// Of the key `value`, of which `hashes` are the keyed hashes of all ways to write it.
    pub fn new(path: &Path, hashes: impl IntoIterator<Item = i64>, value: &str) -> Self {
        let hashes: Vec<String> = hashes.into_iter().map(|hash| hash.to_string()).collect();
        Self { path: path.into(), hashes: hashes.join(","), value: value.to_owned() }
    }

    /// What would go. Nothing is changed.
    ///
    /// # Errors
    /// As [`super::Readers::open_file`].
    pub fn look(&self) -> Result<Erased, Error> {
        self.found(&open_for_reading(&self.path, &Settings::default())?.conn)
    }

    /// Erases it, and writes the file anew. The file is replaced in one step at the end; whatever stops it before, the
    /// same once more ends it.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Locked`] while a tap has the file open, and what the disk or DuckDB say.
    pub fn erase(&self) -> Result<Erased, Error> {
        if !self.path.exists() {
            return Err(Error::Missing { path: self.path.clone() });
        }
        // Brings it to the current schema, as the new file will be.
        drop(open_for_writing(&self.path, &Settings::default())?);
        let conn = unconfined(&self.path, AccessMode::ReadWrite)?;
        let found = self.found(&conn)?;
        if found.is_nothing() {
            return Ok(found);
        }
        run(&conn, &write::BEGIN)?;
        batch(&conn, &erase::REMOVE, &self.words())?;
        run(&conn, &write::COMMIT)?;
        run(&conn, &write::CHECKPOINT)?;
        self.rewrite(conn)?;
        Ok(found)
    }

    fn words(&self) -> [(&'static str, String); 2] {
        [("hashes", literal(&self.hashes)), ("value", literal(&self.value))]
    }

    fn found(&self, conn: &Connection) -> Result<Erased, Error> {
        batch(conn, &erase::COLLECT, &self.words())?;
        let tables = rows(conn, &erase::COUNTED, [], |row| Ok(TableRows { table: row.get(0)?, rows: row.get(1)? }))?;
        let sample = rows(conn, &erase::SAMPLE, [SAMPLE_ROWS], |row| row.get(0))?;
        let due = rows(conn, &erase::IS_DUE, [], |row| row.get(0))?;
        let bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        Ok(Erased { tables, sample, bytes, unfinished: due.contains(&true) })
    }

    /// Copies all tables into a new file, in their order, and puts it in the place of the old one.
    fn rewrite(&self, conn: Connection) -> Result<(), Error> {
        let draft = Draft::beside(&self.path)?;
        drop(open_for_writing(draft.path(), &Settings::default())?);
        batch(&conn, &erase::ATTACH, &[("file", literal(&draft.path().display().to_string()))])?;
        let tables: Vec<String> = rows(&conn, &erase::TABLES, [], |row| row.get(0))?;
        run(&conn, &write::BEGIN)?;
        for table in tables {
            batch(&conn, &erase::COPY, &[("table", table)])?;
        }
        run(&conn, &erase::SETTLE)?;
        run(&conn, &write::COMMIT)?;
        run(&conn, &erase::DETACH)?;
        // What a writer derives of the tables when it opens a file.
        let (writer, _) = Writer::open(draft.path(), Settings::default())?;
        writer.transaction(|writer| {
            run(writer.connection(), &write::CASES_LEFT)?;
            run(writer.connection(), &write::CASES)
        })?;
        writer.close()?;
        // The old file stays locked until the new one has its name: no tap gets in between.
        draft.replace()?;
        drop(conn);
        Ok(())
    }
}

fn batch(conn: &Connection, query: &Query, words: &[(&'static str, String)]) -> Result<(), Error> {
    let words: Vec<(&str, &str)> = words.iter().map(|(name, word)| (*name, word.as_str())).collect();
    conn.execute_batch(&filled(query, &words)).map_err(Error::statement("run", query.name))
}

//! What only the module itself can see: versions of the schema, files of others, locks.

use super::file::SCHEMA_VERSION;
use super::{Error, Readers, Settings, Writer, query};
use crate::event::{Changes, CounterRow, Timestamp};
use duckdb::Connection;
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("headwater-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn db(&self) -> PathBuf {
        self.0.join("h.duckdb")
    }

    fn run(&self, sql: &str) {
        Connection::open(self.db()).unwrap().execute_batch(sql).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn columns(conn: &Connection) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type, is_nullable, column_default)
               FROM information_schema.columns WHERE table_schema = 'main' ORDER BY ALL";
    let mut statement = conn.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn constraints(conn: &Connection) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', table_name, constraint_text) FROM duckdb_constraints() ORDER BY ALL";
    let mut statement = conn.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Guarantees: `schema.sql`, which people read, is what the migrations make.
#[test]
fn the_schema_is_the_sum_of_the_migrations() {
    let read = Connection::open_in_memory().unwrap();
    read.execute_batch(query::SCHEMA.sql).unwrap();
    let migrated = Connection::open_in_memory().unwrap();
    for migration in query::migrate::ALL {
        migrated.execute_batch(migration.sql).unwrap();
    }
    assert!(columns(&read).len() > 100);
    assert_eq!(columns(&read), columns(&migrated));
    assert_eq!(constraints(&read), constraints(&migrated));
}

#[test]
fn a_newer_file_is_refused_by_writers_and_readers_and_left_alone() {
    let folder = Folder::new("newer");
    Writer::open(&folder.db(), Settings::default()).unwrap().0.close().unwrap();
    folder.run("UPDATE meta SET value = '999' WHERE name = 'schema_version'; DROP VIEW tap;");
    for error in [
        Writer::open(&folder.db(), Settings::default()).err().unwrap(),
        Readers::open_file(&folder.db(), Settings::default()).err().unwrap(),
    ] {
        assert!(matches!(error, Error::Newer { found: 999, known: SCHEMA_VERSION, .. }), "{error}");
    }
    let conn = Connection::open(folder.db()).unwrap();
    assert!(conn.prepare("FROM tap").is_err(), "a refused file gets no new views");
}

#[test]
fn an_older_file_is_read_after_a_writer_migrated_it_only() {
    let folder = Folder::new("older");
    folder.run("CREATE TABLE meta (name VARCHAR NOT NULL, value VARCHAR NOT NULL); INSERT INTO meta VALUES ('schema_version', '0');");
    let error = Readers::open_file(&folder.db(), Settings::default()).err().unwrap();
    assert!(matches!(error, Error::Older { found: 0, .. }), "{error}");
}

#[test]
fn a_database_of_something_else_is_left_alone() {
    let folder = Folder::new("foreign");
    folder.run("CREATE TABLE invoices (n INT)");
    for error in [
        Writer::open(&folder.db(), Settings::default()).err().unwrap(),
        Readers::open_file(&folder.db(), Settings::default()).err().unwrap(),
    ] {
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
    }
    assert_eq!(columns(&Connection::open(folder.db()).unwrap()).len(), 1);
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = Folder::new("text");
    std::fs::write(folder.db(), "not a database").unwrap();
    let error = Writer::open(&folder.db(), Settings::default()).err().unwrap();
    assert!(matches!(error, Error::Open { .. }) && error.to_string().contains("h.duckdb"), "{error}");
    assert_eq!(std::fs::read_to_string(folder.db()).unwrap(), "not a database");
}

#[test]
fn the_holder_of_a_lock_is_named() {
    let message = "IO Error: Could not set lock on file \"/x/h.duckdb\": Conflicting lock is held in /usr/bin/headwater \
                   (PID 4711). See also https://duckdb.org/docs/stable/connect/concurrency";
    assert_eq!(super::file::lock_holder(message).as_deref(), Some("/usr/bin/headwater (PID 4711)"));
    assert_eq!(super::file::lock_holder("IO Error: disk full"), None);
}

#[test]
fn two_files_have_two_id_keys() {
    let (one, two) = (Folder::new("key-one"), Folder::new("key-two"));
    let key = |folder: &Folder| Writer::open(&folder.db(), Settings::default()).unwrap().1.id_key;
    assert!(key(&one) != key(&two));
    assert!(key(&one) == key(&one));
}

/// Guarantees: what a quiet cluster wrote does not stand in the log, and in memory, for days.
#[test]
fn the_log_is_moved_into_the_file_some_minutes_later() {
    let folder = Folder::new("rest");
    let (mut writer, _) = Writer::open(&folder.db(), Settings::default()).unwrap();
    let counters = vec![CounterRow { name: "records_received".into(), value: 1.0 }];
    writer.append(Changes { counters, ..Changes::default() }).unwrap();
    let log = folder.db().with_extension("duckdb.wal");
    let bytes = || std::fs::metadata(&log).map_or(0, |file| file.len());
    let minute = |at: i64| Timestamp(at * 60_000_000);
    writer.rest(minute(100));
    writer.rest(minute(109));
    assert!(bytes() > 0, "not yet");
    writer.rest(minute(110));
    assert_eq!(bytes(), 0);
}

//! The other side: DuckDB's own appender, a bare table with the same columns, and nothing else.

use super::company::{COMMIT_ROWS, Company, Pace, begin};
use super::{CheckpointSize, cpu_of};
use duckdb::arrow::array::{Array, RecordBatch};
use duckdb::arrow::compute::concat_batches;
use duckdb::{AccessMode, Config, Connection};
use headwater::report::Cell;
use headwater::store::{Limits, Settings, Writer};
use std::path::Path;

/// Commits that are written first, to have rows to append.
const SAMPLE_COMMITS: usize = 4;

/// A bare table and the rows that are appended to it again and again.
pub struct Raw {
    conn: Connection,
    names: Vec<String>,
    batches: Vec<RecordBatch>,
    commits: usize,
}

impl Raw {
    /// Makes the table in `folder`, with the columns that the writer's own table has, and takes its rows from there.
    pub fn new(folder: &Path, seed: u64) -> Self {
        let sample = folder.join("sample.duckdb");
        let checkpoint = write_sample(&sample, seed);
        let read = open(&sample, AccessMode::ReadOnly, &checkpoint);
        let definition: String = read
            .query_row(
                "SELECT string_agg(format('{} {}', column_name, data_type), ', ' ORDER BY column_index)
                 FROM duckdb_columns() WHERE table_name = 'event_row'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        let mut statement = read.prepare("SELECT * FROM event_row").unwrap();
        let chunks: Vec<RecordBatch> = statement.query_arrow([]).unwrap().collect();
        let all = concat_batches(&chunks[0].schema(), &chunks).unwrap();
        // As the writer does: a column without any value is left to DuckDB.
        let filled: Vec<usize> =
            (0..all.num_columns()).filter(|at| all.column(*at).null_count() < all.num_rows()).collect();
        let all = all.project(&filled).unwrap();
        let names = all.schema().fields().iter().map(|field| field.name().clone()).collect();
        let batches = (0..all.num_rows() / COMMIT_ROWS).map(|at| all.slice(at * COMMIT_ROWS, COMMIT_ROWS)).collect();
        drop(statement);
        drop(read);
        std::fs::remove_file(sample).unwrap();
        let conn = open(&folder.join("raw.duckdb"), AccessMode::ReadWrite, &checkpoint);
        conn.execute_batch(&format!("CREATE TABLE event_row ({definition})")).unwrap();
        Self { conn, names, batches, commits: 0 }
    }

    /// µs of CPU that a row takes, in `commits` transactions.
    pub fn round(&mut self, commits: usize) -> f64 {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut spent = 0.0;
        for _ in 0..commits {
            let batch = self.batches[self.commits % self.batches.len()].clone();
            self.commits += 1;
            spent += cpu_of(|| {
                self.conn.execute_batch("BEGIN").unwrap();
                let mut appender = self.conn.appender_with_columns("event_row", &names).unwrap();
                appender.append_record_batch(batch).unwrap();
                appender.flush().unwrap();
                drop(appender);
                self.conn.execute_batch("COMMIT").unwrap();
            });
        }
        spent / (commits * COMMIT_ROWS) as f64 * 1e6
    }

    /// µs of CPU that a checkpoint takes, a row.
    pub fn checkpoint(&self) -> f64 {
        let spent = cpu_of(|| self.conn.execute_batch("CHECKPOINT").unwrap());
        spent / (self.commits.max(1) * COMMIT_ROWS) as f64 * 1e6
    }
}

/// Writes a few commits of the same company; says how the writer sets its checkpoints.
fn write_sample(path: &Path, seed: u64) -> CheckpointSize {
    let (mut writer, _) = Writer::open(path, Settings::default()).unwrap();
    let mut company = Company::new(seed);
    for at in 0..SAMPLE_COMMITS {
        writer.append(company.commit(COMMIT_ROWS, Pace::CatchUp, begin(at, SAMPLE_COMMITS))).unwrap();
    }
    let checkpoint = {
        let reader = writer.readers().reader().unwrap();
        let asked = reader.ask("SELECT current_setting('checkpoint_threshold')", &[], Limits::default()).unwrap();
        match &asked.table.rows[0][0] {
            Cell::Text(text) => text.clone(),
            other => panic!("a size is text, not {other:?}"),
        }
    };
    writer.close().unwrap();
    checkpoint
}

/// Opens a file with the settings of the writer.
pub fn open(path: &Path, mode: AccessMode, checkpoint: &str) -> Connection {
    let settings = Settings::default();
    let config = Config::default()
        .access_mode(mode)
        .and_then(|config| config.enable_autoload_extension(false))
        .and_then(|config| config.threads(i64::from(settings.threads)))
        .and_then(|config| config.max_memory(&format!("{}B", settings.memory)))
        .and_then(|config| config.with("checkpoint_threshold", checkpoint))
        .and_then(|config| config.with("storage_compatibility_version", "v1.5.0"));
    Connection::open_with_flags(path, config.unwrap()).unwrap()
}

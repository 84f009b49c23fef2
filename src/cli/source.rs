//! Where a reading command gets its answers: a running tap, or a closed file.

use super::args::Source as Typed;
use super::output;
use crate::client::{self, Client, run_file};
use crate::event::HashKey;
use crate::report::Table;
use crate::report::rows::CoverageLine;
use crate::tap;
use client::query;
use std::path::{Path, PathBuf};

/// Something to ask, and the file behind it as far as it is known.
pub(super) struct Source {
    /// Answers questions.
    pub client: Client,
    /// The database: beside it lies the secret of its keys.
    pub database: PathBuf,
    /// What the next command needs to come here again; empty where nothing was typed.
    pub reach: String,
    /// It is a closed file, which does not change.
    pub file: bool,
    /// The door that was named, if one was.
    pub connect: Option<String>,
}

impl Source {
    /// Opens what was typed; else what `HEADWATER_CONNECT` or `HEADWATER_DB` names; else the running tap; else, when
    /// none runs, the default database if it is there.
    pub(super) fn open(typed: &Typed) -> anyhow::Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let (connect, db) = match (&typed.connect, &typed.db) {
            (None, None) => {
                let connect = set("HEADWATER_CONNECT").map(|url| url.to_string_lossy().into_owned());
                let db = if connect.is_some() { None } else { set("HEADWATER_DB").map(PathBuf::from) };
                (connect, db)
            }
            typed => (typed.0.clone(), typed.1.clone()),
        };
        if let Some(database) = db {
            let reach = typed.db.as_ref().map(|db| format!(" --db {}", db.display())).unwrap_or_default();
            return Ok(Self { client: Client::open(&database)?, database, reach, file: true, connect: None });
        }
        let default = Path::new(client::DATABASE);
        let database = || match run_file::read(default) {
            Ok(Some(run)) => run.database,
            _ => default.to_owned(),
        };
        match Client::find(connect.as_deref(), None) {
            Ok(client) => {
                let reach =
                    typed.connect.as_ref().map(|url| format!(" --connect {}", client::shown(url))).unwrap_or_default();
                Ok(Self { client, database: database(), reach, file: false, connect })
            }
            Err(error) if connect.is_none() && default.exists() => match Client::open(default) {
                Ok(client) => {
                    output::note(&format!("headwater: no tap runs here; reading the file {}", default.display()));
                    Ok(Self { client, database: default.to_owned(), reach: String::new(), file: true, connect: None })
                }
                Err(_) => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// The secret of the record keys, which lies beside the database; or why it cannot be had, and what to do.
    pub(super) fn secret(&self) -> Result<HashKey, String> {
        secret(&self.database)
    }

    /// Coverage of everything, as it came and as rows.
    pub(super) fn coverage(&self) -> anyhow::Result<(Table, Vec<CoverageLine>)> {
        let table = self.client.ask(&query::COVERAGE, &[])?;
        let lines = CoverageLine::from_table(&table)?;
        Ok((table, lines))
    }
}

/// The secret of the record keys of `database`; or why it cannot be had, and what to do.
pub(super) fn secret(database: &Path) -> Result<HashKey, String> {
    let path = tap::secret_path(database);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!(
            "cannot read {}, without which keys cannot be searched; ask where the tap runs: {error}",
            path.display()
        )
    })?;
    tap::parse_secret(&text).map_err(|_| {
        format!("{} holds no key of 32 hex digits; restore it from where the tap wrote it", path.display())
    })
}

//! What keeps a database in order: backups of a running tap or a closed file; export and erasure of a closed file.

use super::{Client, Error, Source};
use crate::event::Timestamp;
use crate::report::Cell;
use crate::store;
pub use crate::store::{Backup, Erased, Erasure, Error as StoreError, ExportWindow, Exporter};
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Client {
    /// Has the running tap copy its database as `to`, an absolute path on its machine.
    ///
    /// # Errors
    /// What the tap says: a file that is there, a folder that cannot be written, somebody who may not. A client of a
    /// closed file is refused: see [`backup_closed`].
    pub fn backup(&self, to: &Path) -> Result<Backup, Error> {
        let Source::Door(session) = &self.source else {
            return Err(StoreError::NoWriter.into());
        };
        let order = format!("BACKUP TO '{}'", to.display().to_string().replace('\'', "''"));
        let table = session.ask(&order, &[])?.table;
        let row = table.rows.first().map(Vec::as_slice);
        match row {
            Some([Cell::Text(file), Cell::Int(bytes), Cell::Int(events), until, Cell::Int(blocked)]) => Ok(Backup {
                file: PathBuf::from(file),
                bytes: (*bytes).unsigned_abs(),
                events: *events,
                until: if let Cell::Time(us) = until { Some(Timestamp(*us)) } else { None },
                blocked: Some(Duration::from_micros(blocked.unsigned_abs())),
            }),
            _ => Err(Error::Refused("the tap is of another version, and makes no backups: stop it first".to_owned())),
        }
    }
}

/// Copies the closed file `database` as `to`.
///
/// # Errors
/// As [`store::backup_file`].
pub fn backup_closed(database: &Path, to: &Path) -> Result<Backup, Error> {
    Ok(store::backup_file(database, to)?)
}

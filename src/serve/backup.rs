//! `BACKUP TO 'FILE'`: the one statement at the door that makes something. The owner's own tools ask it.

use super::query::Session;
use super::{refusal, sqlstate};
use crate::report::{Cell, Column, ColumnType, Table};
use crate::store::Backup;
use pgwire::error::PgWireResult;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;

/// What it answers with.
pub(super) fn columns() -> Vec<Column> {
    let columns = [
        ("file", ColumnType::Text),
        ("bytes", ColumnType::BigInt),
        ("events", ColumnType::BigInt),
        ("until", ColumnType::Time),
        ("blocked_us", ColumnType::BigInt),
    ];
    columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).to_vec()
}

/// Has the writer copy its file as `to`, a whole path.
///
/// # Errors
/// Somebody who is not the owner, a path that is not whole, and what the store says.
pub(super) async fn make(session: &Session, to: &str) -> PgWireResult<Table> {
    // Where no login is asked for, being on this machine is all that can be shown.
    let may = session.is_owner.load(Relaxed) || (session.is_near && !session.shared.access.asks());
    if !may {
        return Err(refusal(
            "42501",
            "backups are for the owner of this tap; run `headwater backup` beside its database",
        ));
    }
    let to = PathBuf::from(to);
    if !to.is_absolute() {
        return Err(refusal("42602", "BACKUP TO needs the whole path of a file on the machine of the tap"));
    }
    let readers = session.shared.readers.clone();
    let made = tokio::task::spawn_blocking(move || readers.backup(&to)).await;
    match made {
        Ok(Ok(made)) => Ok(table(&made)),
        Ok(Err(error)) => Err(refusal(sqlstate::of(&error), error.to_string())),
        Err(_) => Err(refusal("XX000", "the backup ended the thread that made it; please report it")),
    }
}

fn table(made: &Backup) -> Table {
    let whole = |n: u64| Cell::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let blocked = made.blocked.unwrap_or_default().as_micros();
    let row = vec![
        Cell::Text(made.file.display().to_string()),
        whole(made.bytes),
        Cell::Int(made.events),
        made.until.map_or(Cell::Null, |time| Cell::Time(time.0)),
        whole(u64::try_from(blocked).unwrap_or(u64::MAX)),
    ];
    Table { columns: columns(), rows: vec![row] }
}

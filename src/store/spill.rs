//! Where questions spill what does not fit into memory: beside the database, for its owner only, bounded, and gone with
//! the last connection.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Disk that spilled rows may take, as a multiple of the memory limit. A question that needs more fails: the disk is the
/// tap's, and each commit waits for what others have written before it.
const SPILL_PER_MEMORY: u64 = 1;

/// How DuckDB begins the names of what it spills.
const SPILLED: &str = "duckdb_temp_";

/// A folder for what is spilled.
#[derive(Debug)]
pub(super) struct Spill {
    folder: PathBuf,
}

impl Spill {
    /// The folder of the one writer of `database`.
    pub(super) fn of_writer(database: &Path) -> Self {
        Self { folder: beside(database, ".tmp") }
    }

    /// The folder of one of several processes that read `database`.
    pub(super) fn of_reader(database: &Path) -> Self {
        Self { folder: beside(database, &format!(".{}.tmp", std::process::id())) }
    }

    /// The folder's name, for DuckDB.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The most bytes that it may hold beside `memory` bytes of memory.
    pub(super) fn bound(memory: u64) -> u64 {
        memory.saturating_mul(SPILL_PER_MEMORY)
    }

    /// Makes the folder, for its owner only. Where it cannot be made, as beside a file on a read-only disk, what does
    /// not fit into memory fails.
    pub(super) fn make(&self) {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(0o700);
        }
        if let Err(error) = builder.create(&self.folder) {
            tracing::debug!(%error, folder = %self.folder.display(), "no folder to spill to");
        }
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // It is empty unless something was put there by others, and may be gone together with the database's folder.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// Removes what killed processes left beside `database`. Only for who holds the lock of the file: then nobody else has
/// it open.
pub(super) fn clear_left(database: &Path) {
    let (Some(folder), Some(name)) = (database.parent(), database.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        if found.to_str().and_then(|found| found.strip_prefix(name)).is_some_and(is_left) {
            clear(&entry.path());
        }
    }
}

/// `.tmp`, or a process's `.NUMBER.tmp`.
fn is_left(ending: &str) -> bool {
    let Some(process) = ending.strip_suffix(".tmp") else { return false };
    process.is_empty() || process.strip_prefix('.').is_some_and(|id| id.parse::<u32>().is_ok())
}

fn clear(folder: &Path) {
    // A link leads elsewhere: what is there is not ours.
    if !folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(SPILLED) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    if std::fs::remove_dir(folder).is_ok() {
        tracing::info!(folder = %folder.display(), "removed what a killed process had spilled");
    }
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_spilled_is_removed() {
        let folder = std::env::temp_dir().join(format!("headwater-spill-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let database = folder.join("h.duckdb");
        for left in ["h.duckdb.tmp", "h.duckdb.4711.tmp", "other.duckdb.tmp", "h.duckdb.mine.tmp"] {
            std::fs::create_dir_all(folder.join(left)).unwrap();
            std::fs::write(folder.join(left).join("duckdb_temp_block-1.block"), "x").unwrap();
        }
        std::fs::write(folder.join("h.duckdb.4711.tmp").join("letter.txt"), "x").unwrap();
        clear_left(&database);
        assert!(!folder.join("h.duckdb.tmp").exists());
        assert!(!folder.join("h.duckdb.4711.tmp/duckdb_temp_block-1.block").exists());
        for kept in ["h.duckdb.4711.tmp/letter.txt", "other.duckdb.tmp", "h.duckdb.mine.tmp"] {
            assert!(folder.join(kept).exists(), "{kept}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

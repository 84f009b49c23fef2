//! The file that says where a running tap can be asked: `headwater.run`, beside its database.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the file.
pub const NAME: &str = "headwater.run";

/// Longest run file that is read, in bytes: a URL, a number and a path.
const SIZE_LIMIT: u64 = 16 * 1024;

/// A word that must not be seen: it prints as nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a tap says about itself while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// URL of its door, without a password.
    pub url: String,
    /// What its owner's own tools log in with; absent where the door asks for no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Its process.
    pub pid: u32,
    /// The database that it writes.
    pub database: PathBuf,
}

/// Where the run file of a tap on `database` lies.
pub fn path(database: &Path) -> PathBuf {
    database.with_file_name(NAME)
}

/// Writes the run file beside its database, for its owner only; a file that was there is replaced in one step.
///
/// # Errors
/// What the system says.
pub fn write(run: &RunFile) -> io::Result<()> {
    let path = path(&run.database);
    let draft = path.with_extension("run.new");
    // A draft that was left behind has rights of its own.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(&serde_json::to_vec(run)?)?;
    fs::rename(&draft, &path)
}

/// The run file beside `database`; `None` when there is none.
///
/// # Errors
/// What the system says, or a file that is not one of ours.
pub fn read(database: &Path) -> io::Result<Option<RunFile>> {
    let file = match fs::File::open(path(database)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(SIZE_LIMIT).read_to_end(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

/// Removes the run file beside `database`, if it is still that of process `pid`: a tap that started in the meantime
/// keeps its own.
///
/// # Errors
/// What the system says.
pub fn remove(database: &Path, pid: u32) -> io::Result<()> {
    match read(database)? {
        Some(run) if run.pid == pid => fs::remove_file(path(database)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_file_comes_back_and_only_its_owner_removes_it() {
        let folder = std::env::temp_dir().join(format!("headwater-run-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let run = RunFile {
            url: "postgres://127.0.0.1:1/headwater".into(),
            password: Some(Secret("not for others".into())),
            pid: 7,
            database: folder.join("a.duckdb"),
        };
        assert_eq!(read(&run.database).unwrap(), None);
        write(&run).unwrap();
        assert_eq!(read(&run.database).unwrap().as_ref(), Some(&run));
        assert!(!format!("{run:?}").contains("others"));
        let rights = fs::metadata(path(&run.database)).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&rights) & 0o777, 0o600);
        remove(&run.database, 8).unwrap();
        assert!(path(&run.database).exists());
        remove(&run.database, 7).unwrap();
        assert_eq!(read(&run.database).unwrap(), None);
        fs::write(path(&run.database), "not ours").unwrap();
        assert!(read(&run.database).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}

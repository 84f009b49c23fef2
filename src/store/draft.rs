//! New files: whole under their name, or not there.

use super::Error;
use super::file::restrict;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is being written beside the place it is for. Dropped before its end, it is removed.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// A draft of `target`, which must not be there; its folder is made. Nothing is written yet.
    pub(super) fn new(target: &Path) -> Result<Self, Error> {
        if fs::symlink_metadata(target).is_ok() {
            return Err(Error::Exists { path: target.into() });
        }
        let folder = folder(target);
        fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
        Self::beside(target)
    }

    /// A draft that may replace `target`.
    pub(super) fn beside(target: &Path) -> Result<Self, Error> {
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let draft = Self { path: name.into(), target: target.into() };
        // What a process of the same number left behind.
        draft.remove();
        Ok(draft)
    }

    /// Where it is written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the empty file, for its owner only.
    pub(super) fn create(&self) -> Result<File, Error> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path).map_err(failed("create", &self.path))
    }

    /// Gives it its name once it is on the disk; never takes that of another file. Gives its size in bytes.
    pub(super) fn publish(self) -> Result<u64, Error> {
        let bytes = self.settle()?;
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::Exists { path: self.target.clone() });
            }
            // File systems without links: what is there was looked for at the beginning.
            Err(_) => fs::rename(&self.path, &self.target).map_err(failed("name", &self.target))?,
        }
        self.remove();
        sync_folder(&self.target)?;
        Ok(bytes)
    }

    /// Takes the place of the file of this name in one step. Gives its size in bytes.
    pub(super) fn replace(self) -> Result<u64, Error> {
        let bytes = self.settle()?;
        fs::rename(&self.path, &self.target).map_err(failed("replace", &self.target))?;
        sync_folder(&self.target)?;
        Ok(bytes)
    }

    /// Waits until the file is on the disk.
    fn settle(&self) -> Result<u64, Error> {
        restrict(&self.path)?;
        let written = File::open(&self.path).and_then(|file| {
            file.sync_all()?;
            file.metadata()
        });
        Ok(written.map_err(failed("write", &self.path))?.len())
    }

    fn remove(&self) {
        let mut log = self.path.as_os_str().to_owned();
        log.push(".wal");
        // Usually there is none of them.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(PathBuf::from(log));
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.remove();
    }
}

/// What went wrong with a file.
pub(super) fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { operation, path, source }
}

fn folder(of: &Path) -> &Path {
    of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name is on the disk once its folder is.
fn sync_folder(of: &Path) -> Result<(), Error> {
    let folder = folder(of);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", folder))
}

//! The secret under which record keys are hashed. It lies in a file of its own beside the database, so that a copy of
//! the database alone tells nothing about keys.

use crate::event::HashKey;
use anyhow::{Context, bail};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file that holds the secret of `db`.
pub fn secret_path(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

/// Reads the secret of `db`, or makes one.
pub(super) fn secret(db: &Path) -> anyhow::Result<HashKey> {
    let path = secret_path(db);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).with_context(|| {
            format!(
                "{} holds no key of 32 hex digits; restore it, or delete it and give up searching old keys",
                path.display()
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(&path),
        Err(error) => Err(error).with_context(|| format!("read {}; check its owner and rights", path.display())),
    }
}

/// The key that 32 hex digits stand for.
pub fn parse(text: &str) -> anyhow::Result<HashKey> {
    let text = text.trim();
    if text.len() != 32 {
        bail!("{} characters", text.len());
    }
    Ok(HashKey(u128::from_str_radix(text, 16)?.to_be_bytes()))
}

fn create(path: &Path) -> anyhow::Result<HashKey> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("create {}; choose a database in a folder that can be written", path.display()))?;
    writeln!(file, "{:032x}", u128::from_be_bytes(key))?;
    Ok(HashKey(key))
}

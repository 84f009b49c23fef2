//! What proofs share: clusters to tap, events with known causes, and the program itself, run as people run it.
//!
//! The benchmarks use it too.

pub mod delays;
pub mod door;
pub mod generate;
pub mod generator;
pub mod grafana;
pub mod jaeger;
pub mod kafka;
pub mod kerberos;
pub mod mock;
pub mod produce;
pub mod program;
pub mod proxy;
pub mod raw;
pub mod registry;
pub mod script;
pub mod secure;
pub mod tmux;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How often a condition is looked at: rare enough to leave two cores to the work that is awaited.
const LOOK: Duration = Duration::from_millis(50);

/// Asks `what` until it gives something; panics with `description` when `limit` is over.
pub fn poll_until<T>(description: &str, limit: Duration, mut what: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(Instant::now() < end, "gave up after {} s waiting for {description}", limit.as_secs());
        std::thread::sleep(LOOK);
    }
}

/// A folder of its own that goes when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty folder; `name` helps to find it while it lives.
    pub fn new(name: &str) -> Self {
        let folder = Self::vacant(name);
        std::fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    /// The name of a folder that does not exist yet.
    fn vacant(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("headwater-{name}-{}-{number}", std::process::id())))
    }

    /// Where `file` in it lies.
    pub fn file(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be deleted is left to the system: a test has better things to fail for.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The seed of a random test: always the same one, so that a run says something of the change alone, and never of luck.
/// `HEADWATER_SEED=N` takes another, `HEADWATER_SEED=random` any; it is printed, so that a failure names its own repetition.
pub fn seed(test: &str) -> u64 {
    let seed = match std::env::var("HEADWATER_SEED").ok().as_deref() {
        None => 1,
        Some("random") => fastrand::u64(..1_000_000),
        Some(text) => text.parse().expect("HEADWATER_SEED is a number or `random`"),
    };
    println!("{test}: HEADWATER_SEED={seed} repeats this run");
    seed
}

/// The line that ends a long run: what was run, of which commit, with which seed, for how long, and what it counted.
pub fn sum_up(test: &str, seed: u64, begun: Instant, counts: &str) {
    let told = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit =
        told.map_or_else(|_| "unknown".to_owned(), |told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    println!("{test}: commit {commit}, seed {seed}, {} s: {counts}", begun.elapsed().as_secs());
}

/// Whether a test that needs what `variable` speaks of must run: `variable` is `1`, or this is CI.
pub fn required(variable: &str) -> bool {
    [variable, "CI"].iter().any(|name| std::env::var(name).is_ok_and(|value| value == "1" || value == "true"))
}

/// Two tests of one body, which takes the source of records: the native reader, then librdkafka.
macro_rules! on_both {
    ($($body:ident),+ $(,)?) => {
        mod native {
            $(#[test]
            fn $body() {
                super::$body(headwater::kafka::Source::Native);
            })+
        }
        mod librdkafka {
            $(#[test]
            fn $body() {
                super::$body(headwater::kafka::Source::Librdkafka);
            })+
        }
    };
}
pub(crate) use on_both;

/// The value of `--client` for a source.
pub fn client(source: headwater::kafka::Source) -> &'static str {
    match source {
        headwater::kafka::Source::Native => "native",
        headwater::kafka::Source::Librdkafka => "librdkafka",
    }
}

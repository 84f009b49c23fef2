//! What happened on a screen as NDJSON, to be shown again without any tap: one line of heading, then one an event.

use super::ask::Answer;
use super::event::{Event, What};
use super::gate;
use super::model::{Model, Origin};
use crate::event::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Form of the lines.
const FORM: u32 = 1;
/// Most bytes of a recording: hours of an incident, and no full disk.
const RECORD_MAX: u64 = 1 << 30;
/// Most bytes of one line that is read back: the answer of a large conversation.
const LINE_MAX: u64 = 256 << 20;

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be made.
    #[error("cannot write the recording {file}: {source}; name a file that does not exist yet")]
    Create {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read the recording {file}: {source}; name a file that `headwater top --record` wrote")]
    Open {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line cannot be read.
    #[error("{file} is no recording that this program can show, line {line}: {reason}; record it again")]
    Line {
        /// The file.
        file: PathBuf,
        /// Its number.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Heading {
    headwater_top: u32,
    began: Timestamp,
    size: (u16, u16),
    origin: Origin,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Since the recording began, µs.
    us: i64,
    what: What,
}

/// A recording that is being written.
#[derive(Debug)]
pub struct Recorder {
    file: BufWriter<File>,
    began: Timestamp,
    written: u64,
}

impl Recorder {
    /// Begins the recording of what happens to `model`. The file holds names and errors from records: only its owner
    /// may read it.
    ///
    /// # Errors
    /// A file that exists, or cannot be written.
    pub fn create(path: &Path, model: &Model) -> Result<Self, RecordError> {
        use std::os::unix::fs::OpenOptionsExt;
        let failed = |source| RecordError::Create { file: path.to_owned(), source };
        let file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let mut recorder = Self { file: BufWriter::new(file), began: model.now, written: 0 };
        let heading = Heading { headwater_top: FORM, began: model.now, size: model.size, origin: model.origin.clone() };
        recorder.put(&heading).map_err(failed)?;
        Ok(recorder)
    }

    /// Adds an event; false when the recording has ended because it grew too large.
    ///
    /// # Errors
    /// What the system said.
    pub fn add(&mut self, event: &Event) -> std::io::Result<bool> {
        if self.written >= RECORD_MAX {
            return Ok(false);
        }
        let what = match &event.what {
            What::Answer { generation, answer } => {
                let answer: Answer = gate::answer((**answer).clone());
                What::Answer { generation: *generation, answer: Box::new(answer) }
            }
            other => other.clone(),
        };
        self.put(&Line { us: event.at.since(self.began), what })?;
        Ok(true)
    }

    fn put(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.written += text.len() as u64;
        self.file.write_all(&text)?;
        self.file.flush()
    }
}

/// A recording that is being read.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    lines: BufReader<File>,
    at: usize,
    began: Timestamp,
}

impl Replay {
    /// Opens a recording: the picture that it begins with, and its events.
    ///
    /// # Errors
    /// A file that cannot be read, or is no recording.
    pub fn open(path: &Path) -> Result<(Model, Self), RecordError> {
        let file = File::open(path).map_err(|source| RecordError::Open { file: path.to_owned(), source })?;
        let mut replay = Self { path: path.to_owned(), lines: BufReader::new(file), at: 0, began: Timestamp(0) };
        let heading: Option<Heading> = replay.line()?;
        let heading = heading.ok_or_else(|| replay.wrong("it is empty"))?;
        if heading.headwater_top != FORM {
            return Err(replay.wrong(&format!("it has form {}, this program knows {FORM}", heading.headwater_top)));
        }
        replay.began = heading.began;
        let Origin { file, name, reach } = heading.origin;
        let origin = Origin { file, name: gate::text(&name), reach: gate::text(&reach) };
        Ok((Model::new(origin, heading.began, heading.size), replay))
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// A line that cannot be read.
    pub fn event(&mut self) -> Result<Option<Event>, RecordError> {
        let line: Option<Line> = self.line()?;
        Ok(line.map(|line| Event { at: Timestamp(self.began.0.saturating_add(line.us)), what: line.what }))
    }

    fn line<T: for<'a> Deserialize<'a>>(&mut self) -> Result<Option<T>, RecordError> {
        let mut text = Vec::new();
        self.at += 1;
        let read = self.lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut text);
        read.map_err(|source| RecordError::Open { file: self.path.clone(), source })?;
        // A program that was killed leaves half a line: what came before it still holds.
        if !text.ends_with(b"\n") {
            return Ok(None);
        }
        serde_json::from_slice(&text).map(Some).map_err(|error| self.wrong(&error.to_string()))
    }

    fn wrong(&self, reason: &str) -> RecordError {
        RecordError::Line { file: self.path.clone(), line: self.at, reason: reason.to_owned() }
    }
}

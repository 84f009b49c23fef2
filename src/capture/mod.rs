//! NDJSON captures: records, markers, commits and log ends, one JSON object a line.
//!
//! A record is what `kcat -J` prints, and more: a `_b64` member wins over its twin, `producer`, `captured_ms` and
//! `aborted` are optional. A line that cannot be read is reported by file and number, and reading goes on.

mod line;
#[cfg(test)]
mod tests;
mod write;

pub use write::write;

use crate::event::{CommittedOffset, Producer, Record, Timestamp};
use std::io::{self, BufRead};

/// Longest line that is read. The largest message that clusters allow in practice is some 10 MB, base64 makes that a
/// third more, and headers come on top.
pub const MAX_LINE_BYTES: usize = 32 << 20;

/// Lines that could not be read and are named one by one; the others are only counted.
pub const MAX_UNREAD_NAMED: usize = 100;

/// What one line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// A record.
    Record(CapturedRecord<'a>),
    /// The end of a transaction on one partition.
    Marker {
        /// Whose transaction, where the line says it.
        producer: Option<Producer>,
        /// Topic of the marker.
        topic: &'a str,
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// True for a commit, false for an abort.
        commit: bool,
    },
    /// An offset that a group committed.
    Commit {
        /// The commit.
        commit: CommittedOffset,
        /// When; `None` where the line does not say it.
        at: Option<Timestamp>,
    },
    /// Both ends of a partition's log.
    End {
        /// The topic.
        topic: &'a str,
        /// The partition.
        partition: i32,
        /// First offset that is still there.
        start: i64,
        /// The next offset that will be written.
        end: i64,
        /// When this was so; `None` where the line does not say it.
        at: Option<Timestamp>,
    },
}

/// A record and where it was captured.
#[derive(Debug, Clone)]
pub struct CapturedRecord<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// The record.
    pub record: Record<'a>,
    /// Who wrote it, where the line says it.
    pub producer: Option<Producer>,
    /// Its sequence number with that producer.
    pub sequence: Option<i32>,
    /// When the capture saw it; its timestamp where the line does not say it.
    pub seen: Timestamp,
    /// Whether its transaction was aborted; `None` where the line does not say it.
    pub aborted: Option<bool>,
}

impl PartialEq for CapturedRecord<'_> {
    fn eq(&self, other: &Self) -> bool {
        let fields = |captured: &Self| {
            let Record { offset, timestamp_ms, .. } = captured.record;
            (captured.partition, offset, timestamp_ms, captured.producer, captured.sequence, captured.seen)
        };
        let bytes = |captured: &Self| (captured.record.key, captured.record.value, captured.aborted);
        self.topic == other.topic
            && fields(self) == fields(other)
            && bytes(self) == bytes(other)
            && self.record.headers == other.record.headers
    }
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct Unread {
    /// The file, as it was named.
    pub file: String,
    /// Number of the line, from 1.
    pub line: u64,
    /// Why.
    pub reason: Reason,
}

/// Why a line could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is longer than [`MAX_LINE_BYTES`].
    #[error("longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// It is no JSON object of this form.
    #[error("{0}")]
    Json(String),
    /// A member is missing that every line of this kind has.
    #[error("no {0}")]
    Missing(&'static str),
    /// A number is out of its range.
    #[error("{0} is out of range")]
    OutOfRange(&'static str),
    /// A `_b64` member is no base64.
    #[error("{0} is no base64")]
    NotBase64(&'static str),
    /// The list of headers is not names and values in turn.
    #[error("headers are not names and values in turn")]
    Headers,
}

/// What a whole file held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines, empty ones included.
    pub lines: u64,
    /// Records.
    pub records: u64,
    /// Markers, commits and log ends.
    pub others: u64,
    /// True when markers or `aborted` say which records belong to aborted transactions; else that is unknown.
    pub knows_aborts: bool,
    /// Lines that could not be read.
    pub unread: u64,
    /// The first of these, at most [`MAX_UNREAD_NAMED`].
    pub unread_lines: Vec<Unread>,
}

/// Reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file itself could not be read on.
    #[error("cannot read {file} after line {line}: {source}; check that it is a complete, readable file")]
    Read {
        /// The file, as it was named.
        file: String,
        /// Lines read before.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads a whole capture and calls `each` for every line that says something, in order. `name` is how people know the
/// file.
pub fn read(name: &str, mut input: impl BufRead, each: &mut dyn FnMut(Line<'_>)) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    let mut buffer = Vec::new();
    let mut room = line::Room::default();
    loop {
        let read = next_line(&mut input, &mut buffer);
        let fits = read.map_err(|source| Error::Read { file: name.to_owned(), line: summary.lines, source })?;
        let outcome = match fits {
            Taken::End => return Ok(summary),
            Taken::TooLong => Err(Reason::TooLong),
            Taken::Line if buffer.trim_ascii().is_empty() => {
                summary.lines += 1;
                continue;
            }
            Taken::Line => room.read(&buffer, &mut |line| {
                summary.count(&line);
                each(line);
            }),
        };
        summary.lines += 1;
        if let Err(reason) = outcome {
            summary.unread += 1;
            if summary.unread_lines.len() < MAX_UNREAD_NAMED {
                summary.unread_lines.push(Unread { file: name.to_owned(), line: summary.lines, reason });
            }
        }
    }
}

impl Summary {
    fn count(&mut self, line: &Line<'_>) {
        match line {
            Line::Record(captured) => {
                self.records += 1;
                self.knows_aborts |= captured.aborted.is_some();
            }
            Line::Marker { .. } => {
                self.others += 1;
                self.knows_aborts = true;
            }
            Line::Commit { .. } | Line::End { .. } => self.others += 1,
        }
    }
}

/// What the input gave.
enum Taken {
    Line,
    TooLong,
    End,
}

/// Reads up to the next line feed into `line`, and past it when that is too far.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Taken> {
    line.clear();
    let (mut any, mut fits) = (false, true);
    loop {
        let ready = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            ready => ready?,
        };
        if ready.is_empty() {
            return Ok(match (any, fits) {
                (false, _) => Taken::End,
                (true, true) => Taken::Line,
                (true, false) => Taken::TooLong,
            });
        }
        any = true;
        let end = ready.iter().position(|&byte| byte == b'\n');
        let part = &ready[..end.unwrap_or(ready.len())];
        fits &= line.len() + part.len() <= MAX_LINE_BYTES;
        if fits {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(if fits { Taken::Line } else { Taken::TooLong });
        }
    }
}

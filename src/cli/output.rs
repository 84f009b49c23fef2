//! The only place that writes to the terminal.

use crate::event::Timestamp;
use crate::report::Style;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Where answers go. A reader that has gone (`| head`) has what it wanted: that is success.
pub(super) struct Answer;

impl Write for Answer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().lock().write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().lock().flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Where answers of any size go. That nobody reads any more (`| head`) is told: there is nothing left to do then.
pub(super) fn stream() -> io::BufWriter<io::StdoutLock<'static>> {
    io::BufWriter::new(io::stdout().lock())
}

/// Writes a whole answer.
pub(super) fn print(text: &str) -> io::Result<()> {
    Answer.write_all(text.as_bytes())?;
    Answer.flush()
}

/// Says what went wrong, and what to do next.
pub(super) fn error(text: &str) {
    note(&format!("headwater: {text}"));
}

/// Says something beside the answer. Nobody is left to tell when stderr is gone.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Puts a question to the person at the terminal, on the same line as the answer.
pub(super) fn ask(text: &str) {
    let mut terminal = io::stderr();
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}

/// Colours on a terminal only, unless `NO_COLOR` is set or the terminal is dumb.
pub(super) fn style() -> Style {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    Style::new(is_terminal() && !set("NO_COLOR") && !dumb, width)
}

/// True when a person reads the answer.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The clock, for "12 s ago" and for `--since`.
#[expect(clippy::disallowed_methods, reason = "what a person reads is relative to now; this is the edge")]
pub(super) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

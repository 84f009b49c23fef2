//! The error's own words, out of a text that may hold stack traces and megabytes of them.

use super::mask::mask;
use crate::event::{FailureText, clean, clip};
use std::borrow::Cow;

/// Bytes of an error message that are kept: enough to recognise it, too few to hold a stack trace or much of a payload.
pub const MAX_ERROR_BYTES: usize = 1024;

/// Bytes at the front of a text that are looked at: an error says what it is before it says where it was.
const LOOKED_AT_FRONT: usize = 8 * 1024;

/// Bytes at its end that are looked at: Python says last what was wrong.
const LOOKED_AT_END: usize = 4 * 1024;

/// Bytes of the error's own words in which secrets are sought: those that are kept, and what a mask at their end may take.
const MAX_MASKED_BYTES: usize = 2 * MAX_ERROR_BYTES;

/// How Python's traces begin, with or without the error's own words before them.
const PYTHON: &str = "Traceback (most recent call last)";

/// What a line holds from which on a text is a stack trace, in any language.
const TRACE_LINES: &[&str] = &[
    "   --- End of ",
    "--- End of ",
    "Stack trace:",
    "stack backtrace:",
    "Stack backtrace:",
    "[stacktrace]",
    "[running]:",
];

/// What a line of a stack trace begins with, behind its indentation.
const FRAMES: &[&str] = &["at ", "from ", "... ", "#0 "];

/// A stack trace whose line ends were themselves written out.
const WRITTEN_OUT: &[&str] = &["\\n\\tat ", "\\r\\n\\tat ", "\\n    at ", "\\r\\n   at ", "\\n   at "];

/// An error's own words, ready to be kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ErrorText {
    /// The words; empty where there are none.
    pub text: String,
    /// Secrets that were masked in them.
    pub masked: usize,
    /// Whether a limit left out some of them.
    pub clipped: bool,
}

/// The own words of the error that `bytes` tell of.
pub fn error_text(bytes: &[u8], keep: FailureText) -> ErrorText {
    let (text, cut) = own_words(bytes);
    let clipped = cut || text.len() > MAX_ERROR_BYTES;
    let text = clip(text.as_bytes(), MAX_MASKED_BYTES);
    let (text, masked) = match keep {
        FailureText::Full => (Cow::Borrowed(&*text), 0),
        FailureText::Masked | FailureText::None => mask(&text),
    };
    ErrorText { text: clip(clean(&text).as_bytes(), MAX_ERROR_BYTES), masked, clipped }
}

/// The part of a text that is looked at, and whether that leaves out what may have been words of the error.
fn looked_at(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    if bytes.len() <= LOOKED_AT_FRONT + LOOKED_AT_END {
        return (bytes.into(), false);
    }
    let (front, end) = (&bytes[..LOOKED_AT_FRONT], &bytes[bytes.len() - LOOKED_AT_END..]);
    if memchr::memmem::find(front, PYTHON.as_bytes()).is_some() {
        return ([front, b"\n", end].concat().into(), false);
    }
    (front.into(), true)
}

/// The error's own words, and whether the end of what was looked at may have cut them.
fn own_words(bytes: &[u8]) -> (String, bool) {
    let (seen, cut) = looked_at(bytes);
    let text = String::from_utf8_lossy(&seen);
    if let Some(words) = of_python(&text) {
        return (words, false);
    }
    let mut end = WRITTEN_OUT.iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    let mut before = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > 0 && is_frame(line) {
            // pkg/errors of Go writes the name of a function above its file.
            end = end.min(if is_go_file(line) && before > 0 { before } else { at });
            break;
        }
        before = at;
        at += line.len();
    }
    let words = text[..end].trim();
    (words.to_owned(), cut && end == text.len())
}

fn is_frame(line: &str) -> bool {
    let indented = line.starts_with([' ', '\t']);
    let body = line.trim();
    let is_numbered = body.starts_with("#0 ");
    is_numbered
        || indented && FRAMES.iter().any(|frame| body.starts_with(frame))
        || TRACE_LINES.iter().any(|mark| line.starts_with(mark) || body.ends_with(mark))
        || is_go_file(line)
}

fn is_go_file(line: &str) -> bool {
    line.starts_with(['\t', ' ']) && line.contains(".go:")
}

/// What stands before a Python trace, and the line behind its frames, where the error says what it is.
fn of_python(text: &str) -> Option<String> {
    let start = text.find(PYTHON)?;
    let last = text.rfind(PYTHON)?;
    let lines: Vec<&str> = text[last..].lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
    let behind = lines.iter().rposition(|line| line.starts_with([' ', '\t'])).map_or(0, |at| at + 1);
    let (before, error) = (text[..start].trim(), lines.get(behind).map_or("", |line| line.trim()));
    Some(if before.is_empty() || error.is_empty() { format!("{before}{error}") } else { format!("{before} {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> String {
        error_text(text.as_bytes(), FailureText::Full).text
    }

    #[test]
    fn stack_traces_go_and_the_errors_own_words_stay() {
        for (text, words) in [
            ("card reported stolen", "card reported stolen"),
            ("no account\nfor 4711", "no account for 4711"),
            ("a.B: no\n\tat a.C.d(C.java:1)\n\t... 9 more\nCaused by: a.E: why\n\tat x", "a.B: no"),
            ("Error: no\n    at run (/app/x.js:3:1)\n    at y", "Error: no"),
            (
                "System.Exception: no ---> System.Other: why\n   --- End of inner exception stack trace ---\n   at A.B()",
                "System.Exception: no ---> System.Other: why",
            ),
            ("panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:3 +0x1", "panic: no"),
            ("charge: no\nmain.charge\n\t/x/main.go:3\nmain.main\n\t/x/main.go:9", "charge: no"),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: no\n",
                "ValueError: no",
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\"\nKeyError: 1\n\nDuring handling of the above exception, \
              another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\"\nValueError: no",
                "ValueError: no",
            ),
            (
                "task failed Traceback (most recent call last):\n  File \"a.py\"\nValueError: no",
                "task failed ValueError: no",
            ),
            ("no (RuntimeError)\n\tfrom a.rb:3:in `x'", "no (RuntimeError)"),
            ("PDOException: no\nStack trace:\n#0 /x.php(3)", "PDOException: no"),
            ("a.B: no\\n\\tat a.C.d(C.java:1)", "a.B: no"),
            ("\n\tat a.C.d(C.java:1)", ""),
            ("", ""),
        ] {
            assert_eq!(own(text), words, "{text}");
        }
    }

    #[test]
    fn what_does_not_belong_to_a_trace_stays() {
        for text in ["failed at line 3", "#0 of 5", "from there\nto here", "  at the end of the day"] {
            assert_eq!(own(text), text.replace('\n', " ").trim(), "{text}");
        }
    }

    #[test]
    fn a_bounded_part_of_a_long_text_is_looked_at() {
        let frame = "\tat com.example.Service.call(Service.java:42)\n";
        let java = format!("a.B: no\n{}", frame.repeat(5_000_000 / frame.len()));
        let python = format!("{PYTHON}:\n{}ValueError: no", "  File \"a.py\", line 1\n".repeat(250_000));
        let random = "x".repeat(5_000_000);
        for text in [&java, &python, &random] {
            assert!(text.len() >= 4_900_000);
            assert!(looked_at(text.as_bytes()).0.len() <= LOOKED_AT_FRONT + LOOKED_AT_END + 1);
        }
        let read = |text: &str| error_text(text.as_bytes(), FailureText::Masked);
        assert_eq!(read(&java), ErrorText { text: "a.B: no".into(), ..ErrorText::default() });
        assert_eq!(read(&python), ErrorText { text: "ValueError: no".into(), ..ErrorText::default() });
        assert_eq!((read(&random).text.len(), read(&random).clipped), (MAX_ERROR_BYTES, true));
    }

    #[test]
    fn a_secret_is_masked_before_the_text_is_clipped() {
        let text = format!("{} password=hunter2hunter2", "x".repeat(MAX_ERROR_BYTES - 20));
        let read = error_text(text.as_bytes(), FailureText::Masked);
        assert!(!read.text.contains("hunter") && read.masked == 1, "{read:?}");
        assert!(own(&text).contains("hunter"), "full text was asked for");
    }

    #[test]
    fn nothing_speaks_to_a_terminal() {
        let text = own("no\u{1b}[31m account\u{7}\u{202e}");
        assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_bounded_text(bytes: Vec<u8>) {
            let read = error_text(&bytes, FailureText::Masked);
            proptest::prop_assert!(read.text.len() <= MAX_ERROR_BYTES);
        }
    }
}

//! What all texts for people share: colours, widths, numbers, times.

use crate::event::{Timestamp, clean};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Width of a text that goes to no terminal.
const WIDTH_DEFAULT: usize = 120;
/// Below this no screen can be laid out; lines wrap instead.
const WIDTH_MIN: usize = 60;

/// How a text may look. Colour only adds: glyph and word already say everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Escape sequences for colours may be written.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { colour: false, width: WIDTH_DEFAULT }
    }
}

/// What a piece of text means; the style maps it to a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// The answer.
    Strong,
    /// Evidence and everything else that can be skipped.
    Faint,
    /// Went well.
    Good,
    /// Wants a look.
    Warn,
    /// Failed.
    Bad,
}

impl Style {
    /// A style for a terminal of `width` columns, or for none.
    pub fn new(colour: bool, width: Option<usize>) -> Self {
        Self { colour, width: width.unwrap_or(WIDTH_DEFAULT).max(WIDTH_MIN) }
    }

    /// `text` in the look of `tone`.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            _ if !self.colour || text.is_empty() => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Text of a record made harmless and at most `columns` wide; a cut shows as `…`.
pub fn fit(text: &str, columns: usize) -> String {
    let text = clean(text);
    if text.width() <= columns {
        return text;
    }
    let mut used = 0;
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used < columns
        })
        .collect();
    cut.push('…');
    cut
}

/// `text` filled with blanks on the right up to `columns`.
pub fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// `text` filled with blanks on the left up to `columns`.
pub fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(text.width())))
}

/// `12345` as `12,345`.
pub fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `n thing` or `n things`.
pub fn plural(n: i64, one: &str) -> String {
    let end = if n == 1 { "" } else { "s" };
    format!("{} {one}{end}", count(n))
}

/// A size: `468 B`, `2.1 kB`, `3.4 MB`.
pub fn bytes(n: i64) -> String {
    const STEP: f64 = 1_000.0;
    if n.unsigned_abs() < 1_000 {
        return format!("{n} B");
    }
    let mut size = n as f64 / STEP;
    let mut unit = "kB";
    for larger in ["MB", "GB", "TB"] {
        if size.abs() < STEP {
            break;
        }
        size /= STEP;
        unit = larger;
    }
    format!("{size:.1} {unit}")
}

/// A length of time of `us` microseconds: `12 ms`, `0.21 s`, `4 m 12 s`, `2 h 05 m`, `3 d 4 h`.
pub fn span(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    let seconds = us / 1_000_000;
    let text = match seconds {
        0 if us < 100_000 => format!("{} ms", us / 1000),
        0..10 => format!("{}.{:02} s", seconds, us / 10_000 % 100),
        10..60 => format!("{}.{} s", seconds, us / 100_000 % 10),
        60..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    };
    format!("{sign}{text}")
}

/// How long ago `time` was: `12 s ago`.
pub fn ago(now: Timestamp, time: Timestamp) -> String {
    let seconds = now.since(time).max(0) / 1_000_000;
    match seconds {
        0 => "just now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} m ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// A point in time as RFC 3339 in UTC, µs when there are any; the bare number where the calendar ends.
pub fn rfc3339(us: i64) -> String {
    match jiff::Timestamp::from_microsecond(us) {
        Ok(time) => time.to_string(),
        Err(_) => us.to_string(),
    }
}

/// Date and time of day in UTC, to the millisecond.
pub fn date_time(time: Timestamp) -> String {
    clock(time, "%Y-%m-%d %H:%M:%S%.3f")
}

/// Time of day in UTC, to the millisecond.
pub fn time_of_day(time: Timestamp) -> String {
    clock(time, "%H:%M:%S%.3f")
}

fn clock(time: Timestamp, format: &str) -> String {
    match jiff::Timestamp::from_microsecond(time.0) {
        Ok(at) => at.strftime(format).to_string(),
        Err(_) => format!("{} µs", time.0),
    }
}

/// A share of 1 in percent, never rounded up to 100: what is missing has to stay visible.
pub fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 || part >= whole {
        return "100 %".to_owned();
    }
    let hundredths = (i128::from(part) * 10_000 / i128::from(whole)).clamp(0, 9_999);
    match hundredths % 100 {
        0 => format!("{} %", hundredths / 100),
        rest => format!("{}.{rest:02} %", hundredths / 100),
    }
}

/// A name of the SQL contract in words: `causation_id` reads `causation id`.
pub fn words(name: &str) -> String {
    clean(&name.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_read_well() {
        assert_eq!([count(0), count(999), count(1000), count(-1234567)], ["0", "999", "1,000", "-1,234,567"]);
        assert_eq!(count(i64::MIN), "-9,223,372,036,854,775,808");
        let spans = [0, 99_999, 210_000, 9_990_000, 12_300_000, 252_000_000, 7_500_000_000, 273_600_000_000];
        assert_eq!(spans.map(span), ["0 ms", "99 ms", "0.21 s", "9.99 s", "12.3 s", "4 m 12 s", "2 h 05 m", "3 d 4 h"]);
        assert_eq!(span(-20_000), "-20 ms");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            [0, 999, 1_000, 2_195, 1_500_000, -7_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "2.2 kB", "1.5 MB", "-7.0 kB"]
        );
        assert_eq!(bytes(i64::MAX), "9223372.0 TB");
    }

    #[test]
    fn a_share_is_never_rounded_up_to_all() {
        assert_eq!(percent(999_999, 1_000_000), "99.99 %");
        assert_eq!(percent(1, 2), "50 %");
        assert_eq!(percent(0, 0), "100 %");
        assert_eq!(percent(i64::MAX - 1, i64::MAX), "99.99 %");
    }

    #[test]
    fn fitting_counts_columns_not_characters() {
        assert_eq!(fit("比萨比萨", 5), "比萨…");
        assert_eq!(width(&fit("比萨比萨", 5)), 5);
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("a\u{1b}[31m", 10), "a\u{fffd}[31m");
    }

    #[test]
    fn times_outside_the_calendar_stay_numbers() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(i64::MAX), i64::MAX.to_string());
        assert_eq!(date_time(Timestamp(1_500_000)), "1970-01-01 00:00:01.500");
    }
}

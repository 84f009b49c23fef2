//! Times and lengths of time, as people write them.

use super::{ConfigError, From, word};
use crate::event::Timestamp;
use std::time::Duration;

/// The time that a duration back from `now`, or a time, means.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, ConfigError> {
    when("since", text, now)
}

/// The time that a duration back from `now`, a day or a time means; `name` is what the user calls it.
pub fn when(name: &'static str, text: &str, now: Timestamp) -> Result<Timestamp, ConfigError> {
    let expected = "a duration ago such as 15m or 1h, or a time such as 2026-01-31T08:00:00Z";
    match moment(text.trim()) {
        Some(From::Time(time)) => Ok(time),
        Some(From::Ago(ago)) => Ok(Timestamp(now.0.saturating_sub(i64::try_from(ago.as_micros()).unwrap_or(i64::MAX)))),
        _ => Err(word(name, text, "it is neither a time nor a duration", expected)),
    }
}

/// `earliest`, `latest`, a duration back from now, or a time.
pub(super) fn from(text: &str) -> Result<From, ConfigError> {
    let expected = "earliest, latest, a duration ago such as 15m or 1h, or a time such as 2026-01-31T08:00:00Z";
    match text.trim() {
        "earliest" => Ok(From::Earliest),
        "latest" => Ok(From::Latest),
        other => moment(other).ok_or_else(|| word("from", text, "it is neither a time nor a duration", expected)),
    }
}

fn moment(text: &str) -> Option<From> {
    match duration(text) {
        Some(ago) => Some(From::Ago(ago)),
        None => {
            // Without a zone it is UTC, as all times are; a day alone is its midnight.
            let civil = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
            let time = text.parse().ok().or_else(|| civil().map(|zoned| zoned.timestamp()));
            time.map(|time: jiff::Timestamp| From::Time(Timestamp(time.as_microsecond())))
        }
    }
}

pub(super) fn interval(name: &'static str, text: &str, min: Duration, max: Duration) -> Result<Duration, ConfigError> {
    let expected = "a duration such as 500ms, 5s or 1m";
    match duration(text) {
        None => Err(word(name, text, "it is not a duration", expected)),
        Some(value) if value < min => Err(word(name, text, format!("it is shorter than {min:?}"), expected)),
        Some(value) if value > max => Err(word(name, text, format!("it is longer than {max:?}"), expected)),
        Some(value) => Ok(value),
    }
}

/// A length of time: numbers with `ms`, `s`, `m`, `h` or `d`, such as `90s` or `1h30m`; `None` for anything else.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |at| digits + at);
        let ms = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(ms)?))?;
        rest = rest[unit_end..].trim_start();
    }
    Some(total)
}

//! How long the database keeps what: `[retention]`.
//!
//! Nothing is kept for ever unless somebody says so: a disk that a tap has filled up stops the tap, and whatever else
//! lives on it.

use super::{ConfigError, duration, word};
use crate::event::Retention;
use serde::Deserialize;
use std::time::Duration;

/// Longer than Kafka itself keeps most topics (a week), so that what is asked about last month's incident still has its
/// traces. 1,000 events a second take about 170 GB in that time.
pub const DEFAULT_EVENTS: &str = "30d";
/// A year, and a month to compare it with: failures are few.
pub const DEFAULT_FAILURES: &str = "400d";
/// As failures, to which they are compared: a row a minute, topic and type.
pub const DEFAULT_COUNTS: &str = "400d";
/// When a group passed an event is asked soon or never, and busy groups leave a mark a second and partition.
pub const DEFAULT_MARKS: &str = "7d";
/// Sent rows are only looked at when a cause or a pass comes late.
pub const DEFAULT_OUTBOX: &str = "2d";

/// Below an hour, answers would be gone before anybody asks.
const KEPT_MIN: Duration = Duration::from_secs(3600);

const EXPECTED: &str = "a duration of an hour or more, such as 12h or 30d, or forever";

/// `[retention]`, before it means anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RetentionWords {
    events: Option<String>,
    failures: Option<String>,
    counts: Option<String>,
    marks: Option<String>,
    outbox: Option<String>,
}

/// Takes a name, a word and the default that stands in for it.
type Or<'a> = &'a mut dyn FnMut(&'static str, Option<String>, &str) -> String;

/// What outlives events has to: a failure whose records are gone is told by its row, and a count by its minute. Where
/// nothing was said about these, they live at least as long as events.
pub(super) fn retention(words: RetentionWords, or: Or<'_>) -> Result<Retention, ConfigError> {
    let events_word = or("retention.events", words.events, DEFAULT_EVENTS);
    let events = kept("retention.events", &events_word)?;
    let mut outlive = |name: &'static str, said: Option<String>, default: &str| {
        let fallback = match kept(name, default)? {
            Some(usual) if events.is_some_and(|events| events <= usual) => default,
            _ => &events_word,
        };
        let text = or(name, said, fallback);
        let kept = kept(name, &text)?;
        match (kept, events) {
            (Some(kept), Some(events)) if kept < events => Err(shorter(name, &text, &events_word)),
            (Some(_), None) => Err(shorter(name, &text, &events_word)),
            _ => Ok(kept),
        }
    };
    let failures = outlive("retention.failures", words.failures, DEFAULT_FAILURES)?;
    let counts = outlive("retention.counts", words.counts, DEFAULT_COUNTS)?;
    Ok(Retention {
        events,
        failures,
        counts,
        marks: kept("retention.marks", &or("retention.marks", words.marks, DEFAULT_MARKS))?,
        outbox: kept("retention.outbox", &or("retention.outbox", words.outbox, DEFAULT_OUTBOX))?,
    })
}

fn shorter(name: &'static str, text: &str, events: &str) -> ConfigError {
    word(name, text, format!("it is shorter than retention.events, which is {events}"), EXPECTED)
}

/// A length of time, or `forever`.
fn kept(name: &'static str, text: &str) -> Result<Option<Duration>, ConfigError> {
    if text.trim() == "forever" {
        return Ok(None);
    }
    match duration(text) {
        None => Err(word(name, text, "it is not a duration", EXPECTED)),
        Some(kept) if kept < KEPT_MIN => Err(word(name, text, "it is shorter than an hour", EXPECTED)),
        Some(kept) => Ok(Some(kept)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn read(text: &str) -> Result<(Retention, Vec<String>), String> {
        let words: RetentionWords = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut defaults = Vec::new();
        let mut or = |name: &'static str, word: Option<String>, default: &str| {
            word.unwrap_or_else(|| {
                defaults.push(format!("{name} = {default}"));
                default.to_owned()
            })
        };
        let read = retention(words, &mut or).map_err(|e| e.to_string())?;
        Ok((read, defaults))
    }

    #[test]
    fn what_nobody_chose_is_named_and_outlives_events() {
        let (usual, defaults) = read("").unwrap();
        assert_eq!((usual.events, usual.failures, usual.counts), (Some(30 * DAY), Some(400 * DAY), Some(400 * DAY)));
        assert_eq!((usual.marks, usual.outbox), (Some(7 * DAY), Some(2 * DAY)));
        assert_eq!(defaults.len(), 5);
        assert_eq!(defaults[0], "retention.events = 30d");
        let (long, defaults) = read("events = '500d'").unwrap();
        assert_eq!((long.failures, long.counts), (Some(500 * DAY), Some(500 * DAY)));
        assert_eq!(defaults[0], "retention.failures = 500d");
        let (endless, _) = read("events = 'forever'").unwrap();
        assert_eq!((endless.events, endless.failures, endless.counts), (None, None, None));
    }

    #[test]
    fn what_cannot_be_kept_so_is_refused() {
        for (text, reason) in [
            ("events = '5m'", "shorter than an hour"),
            ("marks = 'long'", "not a duration"),
            ("failures = '7d'", "shorter than retention.events, which is 30d"),
            ("events = 'forever'\ncounts = '7d'", "which is forever"),
            ("event = '7d'", "unknown field"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
        assert!(read("events = '7d'\nfailures = 'forever'").is_ok());
    }
}

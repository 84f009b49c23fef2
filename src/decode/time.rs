//! Times as records write them.

use super::text::{Raw, number};
use crate::event::Timestamp;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;

/// Seconds since the epoch at the start of the year 1, and of the year 10,000: nothing outside is a time.
const YEARS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

/// Numbers below these are seconds, milliseconds and microseconds since the epoch, above nanoseconds. Each step is the
/// year 5138 in its own unit and 1973 in the next.
const UNITS: [(i64, i64); 3] = [(100_000_000_000, SECOND), (100_000_000_000_000, 1_000), (100_000_000_000_000_000, 1)];

/// Longest text that is a time in words.
const MAX_WORDS: usize = 64;

/// Dates as .NET writes them in its invariant culture, with a zone and without.
const INVARIANT: [&str; 4] =
    ["%m/%d/%Y %H:%M:%S %:z", "%m/%d/%Y %I:%M:%S %p %:z", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"];

/// The time that `raw` stands for: RFC 3339, a number since the epoch whose size tells its unit, an HTTP date, or .NET's
/// invariant form. A time without a zone is UTC: whoever leaves it out mostly means that.
pub fn parse(raw: Raw<'_>) -> Option<Timestamp> {
    let bytes = raw.bytes.trim_ascii();
    match (bytes.get(4), bytes.first()) {
        (Some(b'-'), _) => rfc3339(bytes),
        (_, Some(b'A'..=b'Z')) => http_date(bytes),
        _ if bytes.iter().take(3).any(|byte| *byte == b'/') => invariant(bytes),
        _ => epoch(bytes),
    }
}

/// RFC 9110, section 5.6.7, as Eventuate writes it.
fn http_date(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_WORDS)?;
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp(time.timestamp().as_microsecond()))
}

fn invariant(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_WORDS)?;
    let parsed = INVARIANT.iter().find_map(|form| jiff::fmt::strtime::parse(form, text).ok())?;
    let offset = parsed.offset().unwrap_or(jiff::tz::Offset::UTC);
    let time = offset.to_timestamp(parsed.to_datetime().ok()?).ok()?;
    Some(Timestamp(time.as_microsecond()))
}

fn epoch(bytes: &[u8]) -> Option<Timestamp> {
    let (whole, fraction) = match bytes.iter().position(|&byte| byte == b'.') {
        // Jackson writes an `Instant` as seconds and nanoseconds with a point between.
        Some(point) => (&bytes[..point], &bytes[point..]),
        None => (bytes, &[][..]),
    };
    let value = number(Raw { bytes: whole, escaped: false })?;
    let unit = UNITS.into_iter().find(|(below, _)| value.unsigned_abs() < below.unsigned_abs());
    let micros = match unit {
        Some((_, unit)) => value.checked_mul(unit)?,
        None => value / 1_000,
    };
    let fraction = match unit {
        Some((_, SECOND)) => micros_of(fraction)?.0,
        _ => 0,
    };
    YEARS.contains(&micros.div_euclid(SECOND)).then_some(Timestamp(micros + fraction))
}

/// RFC 3339, section 5.6, also with a blank between date and time; and NServiceBus' form of it, with a colon before the
/// fraction and a blank before the zone.
fn rfc3339(bytes: &[u8]) -> Option<Timestamp> {
    if bytes.len() < 19 || bytes[7] != b'-' || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    if bytes[13] != b':' || bytes[16] != b':' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..10])?);
    let (hour, minute, second) = (digits(&bytes[11..13])?, digits(&bytes[14..16])?, digits(&bytes[17..19])?);
    if !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let (micros, rest) = micros_of(&bytes[19..])?;
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - zone(rest)?;
    YEARS.contains(&seconds).then_some(Timestamp(seconds * SECOND + micros))
}

/// The fraction that `bytes` begin with, in µs, and what follows. More digits than six are cut off.
fn micros_of(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',' | b':', fraction @ ..] = bytes else { return Some((0, bytes)) };
    let len = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let kept = &fraction[..len.min(6)];
    Some((digits(kept)? * 10i64.pow(6 - kept.len() as u32), &fraction[len..]))
}

/// Seconds east of UTC.
fn zone(bytes: &[u8]) -> Option<i64> {
    match bytes.trim_ascii_start() {
        [] | [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let seconds = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the epoch to a date of the Gregorian calendar, counted in eras of 400 years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Option<i64> {
        parse(Raw::of_header(text.as_bytes())).map(|time| time.0)
    }

    #[test]
    fn times_are_read_in_every_usual_form() {
        let micros = 1_795_226_341_596_874;
        for text in [
            "2026-11-21T01:59:01.596874Z",
            "2026-11-21t01:59:01.596874123z",
            "2026-11-21 02:59:01.596874+01:00",
            "\"2026-11-20T20:59:01.596874-05:00\"",
            "1795226341596874",
            "1795226341.596874000",
            "2026-11-21T01:59:01.596874",
            "2026-11-21 01:59:01:596874 Z",
            "1795226341596874999",
        ] {
            assert_eq!(time(text), Some(micros), "{text}");
        }
        for text in ["Sat, 21 Nov 2026 01:59:01 GMT", "11/21/2026 01:59:01", "11/21/2026 1:59:01 AM +00:00"] {
            assert_eq!(time(text), Some(1_795_226_341_000_000), "{text}");
        }
        assert_eq!(time("1795226341"), Some(1_795_226_341_000_000));
        assert_eq!(time("1795226341596"), Some(1_795_226_341_596_000));
        let binary = 1_795_226_341_596i64.to_be_bytes();
        assert_eq!(parse(Raw::of_header(&binary)).map(|t| t.0), Some(1_795_226_341_596_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21",
            "2026-11-21T25:00:00Z",
            "2026-11-21T01:59:01.Z",
            "2026-11-21T01:59:01+1:00",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(seconds in -62_000_000_000i64..250_000_000_000, micros in 0i64..1_000_000) {
            let expected = jiff::Timestamp::from_microsecond(seconds * 1_000_000 + micros).unwrap();
            prop_assert_eq!(time(&expected.to_string()), Some(expected.as_microsecond()));
        }
    }
}

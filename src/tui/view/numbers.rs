//! Rates and bars out of sums by minute.

use crate::event::Timestamp;
use crate::report::rows::Pulse;
use crate::report::style;

/// One minute, µs.
const MINUTE_US: i64 = 60_000_000;

/// Sums of one kind by minute, with the window that they lie in.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The minutes.
    pub pulse: &'a [Pulse],
    /// The number of a minute.
    pub of: fn(&Pulse) -> i64,
    /// When the tap saw the first event: before it nothing is known.
    pub first: Timestamp,
    /// The end of the window.
    pub until: Timestamp,
    /// Minutes of the window; all when absent.
    pub minutes: Option<i64>,
}

impl Series<'_> {
    /// Events a second, over this minute and the one before.
    pub fn per_second(&self) -> f64 {
        let begin = Timestamp(floor(self.until.0) - MINUTE_US).max(self.first);
        let sum: i64 = self.pulse.iter().filter(|p| p.minute.0 >= floor(begin.0)).map(self.of).sum();
        let seconds = (self.until.since(begin) as f64 / 1e6).max(1.0);
        sum as f64 / seconds
    }

    /// The window in at most `columns` parts, the latest last; `None` for parts before the first event.
    pub fn parts(&self, columns: usize) -> Vec<Option<i64>> {
        let last = floor(self.until.0);
        let known = floor(self.first.0);
        let first = self.minutes.map_or(known, |minutes| last.saturating_sub((minutes - 1).max(0) * MINUTE_US));
        let minutes = ((last.saturating_sub(first)) / MINUTE_US).max(0) + 1;
        let step = minutes.div_euclid(columns.max(1) as i64) + i64::from(minutes % columns.max(1) as i64 != 0);
        let count = (minutes + step - 1) / step;
        let mut parts: Vec<Option<i64>> = (0..count)
            .map(|part| {
                let end = last - (count - 1 - part) * step * MINUTE_US;
                (end >= known).then_some(0)
            })
            .collect();
        for pulse in self.pulse {
            let back = (last - pulse.minute.0).div_euclid(MINUTE_US * step);
            let at = usize::try_from(count - 1 - back).ok();
            if let Some(part) = at.and_then(|at| parts.get_mut(at)) {
                *part = Some(part.unwrap_or(0).saturating_add((self.of)(pulse)));
            }
        }
        parts
    }
}

const fn floor(us: i64) -> i64 {
    us.div_euclid(MINUTE_US) * MINUTE_US
}

/// Bars of `rows` lines, the top line first.
pub fn bars(values: &[Option<i64>], rows: usize, glyphs: &[char; 8]) -> Vec<String> {
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let steps = (glyphs.len() * rows) as i64;
    let bar = |value: &Option<i64>, row: usize| {
        let Some(value) = value else { return ' ' };
        // What is not nothing is seen as more than nothing.
        let height =
            if *value <= 0 { 0 } else { (i128::from(*value) * i128::from(steps) / i128::from(most)).max(2) as i64 };
        let below = ((rows - 1 - row) * glyphs.len()) as i64;
        match height - below {
            1.. => glyphs[(height - below).min(8) as usize - 1],
            _ if below == 0 => glyphs[0],
            _ => ' ',
        }
    };
    (0..rows).map(|row| values.iter().map(|value| bar(value, row)).collect()).collect()
}

/// A rate with as many digits as help: `2,114`, `21.4`, `0.31`.
pub fn rate(rate: f64) -> String {
    match rate {
        r if r >= 100.0 => style::count(r.round() as i64),
        r if r >= 10.0 => format!("{r:.1}"),
        r if r > 0.0 => format!("{r:.2}"),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::UNICODE;

    fn pulse(minute: i64, received: i64) -> Pulse {
        Pulse { minute: Timestamp(minute * MINUTE_US), received, passed: 0, failed: 0, orphaned: 0 }
    }

    fn series(pulse: &[Pulse], minutes: Option<i64>, until_s: i64) -> Series<'_> {
        let until = Timestamp(until_s * 1_000_000);
        Series { pulse, of: |p| p.received, first: Timestamp(2 * MINUTE_US), until, minutes }
    }

    #[test]
    fn a_rate_is_taken_over_the_time_that_was_seen() {
        let minutes = [pulse(2, 60), pulse(3, 120), pulse(4, 30)];
        assert_eq!(series(&minutes, Some(15), 270).per_second(), 150.0 / 90.0);
        assert_eq!(series(&minutes[..1], Some(15), 130).per_second(), 6.0, "the first ten seconds");
        assert_eq!(series(&[], Some(15), 130).per_second(), 0.0);
    }

    #[test]
    fn parts_add_up_to_the_window_and_know_where_nothing_was_seen() {
        let minutes = [pulse(2, 1), pulse(3, 2), pulse(4, 3)];
        assert_eq!(series(&minutes, Some(5), 270).parts(10), [None, None, Some(1), Some(2), Some(3)]);
        assert_eq!(series(&minutes, Some(4), 270).parts(2), [Some(1), Some(5)]);
        assert_eq!(series(&minutes, None, 270).parts(2), [Some(1), Some(5)]);
        assert_eq!(series(&[pulse(i64::MIN / MINUTE_US + 1, 9)], None, 130).parts(3), [Some(0)]);
    }

    #[test]
    fn bars_grow_with_their_values_and_little_is_not_nothing() {
        let values = [None, Some(0), Some(1), Some(50), Some(100)];
        assert_eq!(bars(&values, 1, &UNICODE.bars), [" ▁▂▄█"]);
        assert_eq!(bars(&values, 2, &UNICODE.bars), ["    █", " ▁▂██"]);
        assert_eq!(bars(&[Some(i64::MAX)], 1, &UNICODE.bars), ["█"]);
    }

    #[test]
    fn rates_have_the_digits_that_help() {
        assert_eq!([0.0, 0.314, 21.44, 2114.2].map(rate), ["0", "0.31", "21.4", "2,114"]);
    }
}

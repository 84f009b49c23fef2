//! The window of a report, in whole minutes, and the words for it.

use crate::event::Timestamp;
use jiff::tz::TimeZone;

/// Counts are kept by the minute.
const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 86_400_000_000;

/// Steps of a chart over time, in seconds: each divides the next day or is whole days.
const STEPS: [i64; 14] =
    [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800, 2_419_200];
/// Steps that one chart shows: more are thinner than a line.
const STEPS_MAX: i64 = 120;
/// Labels of an axis: more run into one another on a phone.
const TICKS_MAX: i64 = 6;

/// From `since` (included) until `until` (left out), by the time that the tap saw the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Begin, a whole minute.
    pub since: Timestamp,
    /// End, a whole minute.
    pub until: Timestamp,
    /// How the user said it, where that reads well: `24h`.
    ago: Option<String>,
}

impl Window {
    /// The window that holds both times, rounded out to whole minutes. `ago` is the duration back from now that the
    /// user typed, when `until` is now.
    pub fn new(since: Timestamp, until: Timestamp, ago: Option<&str>) -> Self {
        let since_us = since.0 - since.0.rem_euclid(MINUTE_US);
        let until_us = until.0.saturating_add((-until.0).rem_euclid(MINUTE_US));
        Self { since: Timestamp(since_us), until: Timestamp(until_us), ago: ago.map(str::to_owned) }
    }

    /// As a sentence names it: `last 24h`, `14–20 Nov`, `20 Nov 10:00–12:00`.
    pub(super) fn short(&self) -> String {
        match &self.ago {
            Some(ago) => format!("last {ago}"),
            None => self.range(false),
        }
    }

    /// From when until when, with the year.
    pub(super) fn exact(&self) -> String {
        self.range(true)
    }

    fn range(&self, year: bool) -> String {
        let (Some(since), Some(until)) = (civil(self.since), civil(self.until)) else {
            return format!("{} to {} µs", self.since.0, self.until.0);
        };
        let whole_days = self.since.0.rem_euclid(DAY_US) == 0 && self.until.0.rem_euclid(DAY_US) == 0;
        // A week ends on its last day, not at the first minute of the next.
        let last = if whole_days && self.until > self.since { civil(Timestamp(self.until.0 - 1)) } else { Some(until) };
        let last = last.unwrap_or(until);
        let y = |show: bool| if show { " %Y" } else { "" };
        let same_year = since.year() == last.year();
        let day = |at: jiff::civil::DateTime, show: bool| at.strftime(&format!("%-d %b{}", y(show))).to_string();
        let show = year || !same_year;
        match (whole_days, since.date() == last.date()) {
            (true, true) => day(last, show),
            (true, false) if same_year && since.month() == last.month() => {
                format!("{}–{}", since.day(), day(last, show))
            }
            (true, false) => format!("{} – {}", day(since, !same_year), day(last, show)),
            (false, true) => format!("{} {}–{}", day(last, show), since.strftime("%H:%M"), until.strftime("%H:%M")),
            (false, false) => {
                let time = |at, show| format!("{} {}", day(at, show), at.strftime("%H:%M"));
                format!("{} – {}", time(since, !same_year), time(until, show))
            }
        }
    }
}

fn civil(time: Timestamp) -> Option<jiff::civil::DateTime> {
    jiff::Timestamp::from_microsecond(time.0).ok().map(|at| at.to_zoned(TimeZone::UTC).datetime())
}

/// A point in time for people, in UTC: day, month and minute, with the year where it matters.
pub(super) fn moment(time: Timestamp) -> String {
    civil(time).map_or_else(|| format!("{} µs", time.0), |at| at.strftime("%-d %b %Y %H:%M").to_string())
}

/// A point in time in or near `window`: the time of day where the window has one day only.
pub(super) fn near(time: Timestamp, window: &Window) -> String {
    let day = |time: Timestamp| time.0.div_euclid(DAY_US);
    let (first, last) = (day(window.since), day(Timestamp(window.until.0.saturating_sub(1))));
    let format = match (first..=last).contains(&day(time)) {
        true if first == last => "%H:%M",
        true => "%-d %b %H:%M",
        false => "%-d %b %Y %H:%M",
    };
    civil(time).map_or_else(|| moment(time), |at| at.strftime(format).to_string())
}

/// The labels of an axis that begins at `first` and has `steps` steps of `step_s` seconds: the number of the step, and
/// its words. They stand at round times; midnight is the day.
pub(super) fn ticks(first: Timestamp, step_s: i64, steps: usize) -> Vec<(usize, String)> {
    let span_s = step_s.saturating_mul(steps as i64);
    let round = STEPS.iter().copied().find(|s| *s >= step_s && s % step_s == 0 && span_s / s <= TICKS_MAX);
    let every_us = round.unwrap_or_else(|| span_s / TICKS_MAX / step_s * step_s).max(step_s).saturating_mul(1_000_000);
    let label = |at: usize| {
        let time = first.0.saturating_add(step_s.saturating_mul(1_000_000).saturating_mul(at as i64));
        let format = if time.rem_euclid(DAY_US) == 0 { "%-d %b" } else { "%H:%M" };
        let words = civil(Timestamp(time))?.strftime(format).to_string();
        (time.rem_euclid(every_us) == 0).then_some((at, words))
    };
    (0..steps).filter_map(label).collect()
}

/// The steps in which a chart shows the part of `window` that holds anything: seconds of one step, and the time at
/// which the first one begins. `seen` is the time of the first and of the last event that the database holds.
pub fn series_step(window: &Window, seen: Option<(Timestamp, Timestamp)>) -> (i64, Timestamp) {
    let (since, until) = match seen {
        Some((first, last)) => (window.since.max(first), window.until.min(Timestamp(last.0.saturating_add(MINUTE_US)))),
        None => (window.since, window.until),
    };
    let seconds = until.0.saturating_sub(since.0).max(0) / 1_000_000;
    let fits = |step: &&i64| seconds / **step < STEPS_MAX;
    let largest = STEPS[STEPS.len() - 1];
    // Beyond the largest, multiples of it.
    let step = STEPS.iter().find(fits).copied().unwrap_or_else(|| largest * (1 + seconds / largest / STEPS_MAX));
    (step, Timestamp(since.0 - since.0.rem_euclid(step.saturating_mul(1_000_000))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn window(since: &str, until: &str) -> Window {
        Window::new(at(since), at(until), None)
    }

    #[test]
    fn a_window_holds_whole_minutes() {
        let window = window("2025-11-20T10:00:01Z", "2025-11-20T11:00:00.000001Z");
        assert_eq!((window.since, window.until), (at("2025-11-20T10:00:00Z"), at("2025-11-20T11:01:00Z")));
        let exact = Window::new(window.since, window.until, Some("1h"));
        assert_eq!((exact.since, exact.until), (window.since, window.until));
    }

    #[test]
    fn a_window_reads_as_people_say_it() {
        let cases = [
            ("2025-11-14T00:00:00Z", "2025-11-21T00:00:00Z", "14–20 Nov", "14–20 Nov 2025"),
            ("2025-11-20T00:00:00Z", "2025-11-21T00:00:00Z", "20 Nov", "20 Nov 2025"),
            ("2025-10-30T00:00:00Z", "2025-11-03T00:00:00Z", "30 Oct – 2 Nov", "30 Oct – 2 Nov 2025"),
            ("2024-12-30T00:00:00Z", "2025-01-06T00:00:00Z", "30 Dec 2024 – 5 Jan 2025", "30 Dec 2024 – 5 Jan 2025"),
            ("2025-11-20T09:00:00Z", "2025-11-20T10:30:00Z", "20 Nov 09:00–10:30", "20 Nov 2025 09:00–10:30"),
            (
                "2025-11-19T09:00:00Z",
                "2025-11-20T09:00:00Z",
                "19 Nov 09:00 – 20 Nov 09:00",
                "19 Nov 09:00 – 20 Nov 2025 09:00",
            ),
        ];
        for (since, until, short, exact) in cases {
            let window = window(since, until);
            assert_eq!((window.short().as_str(), window.exact().as_str()), (short, exact));
        }
        assert_eq!(Window::new(at("2025-11-20T09:00:00Z"), at("2025-11-20T10:00:00Z"), Some("1h")).short(), "last 1h");
        assert!(Window::new(Timestamp(i64::MIN / 2), Timestamp(i64::MAX / 2), None).short().ends_with("µs"));
    }

    #[test]
    fn an_axis_is_labelled_at_round_times() {
        let words = |first, step_s, steps| -> Vec<String> {
            ticks(at(first), step_s, steps).into_iter().map(|(n, words)| format!("{n} {words}")).collect()
        };
        assert_eq!(words("2025-11-19T12:00:00Z", 900, 96), ["0 12:00", "24 18:00", "48 20 Nov", "72 06:00"]);
        assert_eq!(words("2025-11-19T10:41:00Z", 60, 4), ["0 10:41", "1 10:42", "2 10:43", "3 10:44"]);
        assert_eq!(words("2025-11-14T00:00:00Z", 86_400, 3), ["0 14 Nov", "1 15 Nov", "2 16 Nov"]);
        assert!(words("1970-01-01T00:00:00Z", 4_838_400, 120).len() <= 7);
    }

    #[test]
    fn a_time_is_as_short_as_the_window_allows() {
        let day = window("2025-11-20T00:00:00Z", "2025-11-21T00:00:00Z");
        let two = window("2025-11-19T12:00:00Z", "2025-11-20T12:00:00Z");
        let time = at("2025-11-20T10:41:07Z");
        assert_eq!([near(time, &day), near(time, &two)], ["10:41", "20 Nov 10:41"]);
        assert_eq!(near(at("2025-11-21T00:00:00Z"), &day), "21 Nov 2025 00:00");
    }

    #[test]
    fn a_chart_has_few_steps_and_shows_only_what_was_seen() {
        let day = window("2025-11-20T00:00:00Z", "2025-11-21T00:00:00Z");
        assert_eq!(series_step(&day, None), (900, day.since));
        let seen = (at("2025-11-20T10:41:07Z"), at("2025-11-20T10:59:00Z"));
        assert_eq!(series_step(&day, Some(seen)), (60, at("2025-11-20T10:41:00Z")));
        let (step, begin) = series_step(&window("1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z"), None);
        assert!(step >= 2_419_200 && begin.0 <= 0, "{step}");
    }
}

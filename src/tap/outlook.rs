//! How much will be read and how long it takes, as sentences.

use crate::kafka::{Estimate, Size};

/// The sentence before the first record is read. `cap` is `--max-read`; without one nobody knows yet how fast it goes.
pub(super) fn outlook(estimate: &Estimate, cap: Option<u64>) -> String {
    let Estimate { topics, partitions, offsets, unreachable, size } = *estimate;
    let place = format!("in {} ({})", several(topics, "topic"), several(partitions, "partition"));
    let mut text = match size {
        _ if offsets == 0 => format!("nothing waits to be read {place}"),
        Size::Bytes(size) => {
            let about = match cap {
                Some(cap) => {
                    format!("about {} at {}/s (--max-read)", span(size.div_ceil(cap.max(1))), bytes(cap))
                }
                None => "no --max-read is set; how fast it goes is told once reading has begun".to_owned(),
            };
            format!("{} {place}, up to {offsets} records: {about}", bytes(size))
        }
        Size::Denied => no_bytes(offsets, &place, "the brokers tell sizes only to who may DESCRIBE the cluster"),
        Size::NotOffered => no_bytes(offsets, &place, "these brokers do not tell sizes (DescribeLogDirs)"),
        Size::Silent => no_bytes(offsets, &place, "the brokers did not tell sizes"),
    };
    if unreachable > 0 {
        text.push_str(&format!("; {} did not answer and are read once they do", several(unreachable, "partition")));
    }
    text
}

fn no_bytes(offsets: i64, place: &str, why: &str) -> String {
    format!("up to {offsets} records {place} are there to be read; how many bytes and how long is not known: {why}")
}

/// What is left while the tap catches up; `catch_up_ms` is `None` when it cannot be told.
pub(super) fn progress(unread: i64, bytes_per_second: u64, catch_up_ms: Option<i64>) -> String {
    let left = match catch_up_ms {
        Some(ms) => format!("about {} left", span(ms.unsigned_abs().div_ceil(1000))),
        None => "time left unknown".to_owned(),
    };
    format!("catching up: {unread} records to read, at {}/s now, {left}", bytes(bytes_per_second))
}

fn several(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// `980 B`, `41 GB`, `4.1 GB`: powers of 1000, as `--max-read` takes them.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = n as f64;
    let mut unit = 0;
    // What would be rounded to four digits is one of the next unit.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit > 0 && value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// `40 s`, `9 min`, `2 h 05 min`, `3 days`.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{} s", seconds.max(1)),
        60..3_600 => format!("{} min", (seconds + 30) / 60),
        3_600..172_800 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(size: Size) -> Estimate {
        Estimate { topics: 312, partitions: 900, offsets: 5_000, unreachable: 0, size }
    }

    #[test]
    fn the_sentence_says_bytes_and_time_where_they_are_known_and_why_not_where_not() {
        let sized = estimate(Size::Bytes(41_000_000_000));
        assert_eq!(
            outlook(&sized, Some(80_000_000)),
            "41 GB in 312 topics (900 partitions), up to 5000 records: about 9 min at 80 MB/s (--max-read)"
        );
        assert!(outlook(&sized, None).ends_with("told once reading has begun"));
        let denied = outlook(&estimate(Size::Denied), Some(1));
        assert!(denied.contains("5000 records") && denied.contains("DESCRIBE the cluster"), "{denied}");
        assert!(outlook(&estimate(Size::NotOffered), None).contains("DescribeLogDirs"));
        let silent = Estimate { unreachable: 2, ..estimate(Size::Silent) };
        assert!(outlook(&silent, None).contains("; 2 partitions did not answer"));
        let nothing = Estimate { topics: 1, partitions: 1, ..Estimate::default() };
        assert_eq!(outlook(&nothing, None), "nothing waits to be read in 1 topic (1 partition)");
    }

    #[test]
    fn what_is_left_is_said_or_said_to_be_unknown() {
        assert_eq!(
            progress(1200, 79_600_000, Some(540_000)),
            "catching up: 1200 records to read, at 80 MB/s now, about 9 min left"
        );
        assert!(progress(1200, 0, None).ends_with("at 0 B/s now, time left unknown"));
    }

    #[test]
    fn sizes_and_times_are_short() {
        let sizes = [0, 999, 1_000, 9_940, 9_960, 999_400, 999_600, 4_100_000_000, 2_000_000_000_000_000_000];
        let said = ["0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "4.1 GB", "2000 PB"];
        assert_eq!(sizes.map(bytes), said);
        assert_eq!(
            [0, 59, 60, 3_599, 7_500, 300_000].map(span),
            ["1 s", "59 s", "1 min", "60 min", "2 h 05 min", "3 days"]
        );
    }
}

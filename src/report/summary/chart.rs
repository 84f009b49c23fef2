//! What a picture shows, before it is drawn.

use crate::event::Timestamp;

/// One share of a whole.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Share {
    /// Its word.
    pub name: &'static str,
    /// Its look.
    pub class: &'static str,
    /// How many.
    pub n: i64,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) enum Chart {
    /// Counts over time, side by side.
    Lines {
        title: String,
        step_s: i64,
        times: Vec<Timestamp>,
        /// Name, look, one value a time.
        lines: Vec<(&'static str, &'static str, Vec<i64>)>,
    },
    /// Counts over time.
    Bars { title: String, step_s: i64, times: Vec<Timestamp>, values: Vec<i64> },
    /// What became of all cases.
    Outcome { title: String, shares: Vec<Share> },
    /// How many took how long: upper bounds in ms, on a scale that grows with the time.
    Durations { title: String, bins: Vec<(i64, i64)>, p50_ms: Option<f64>, p95_ms: Option<f64> },
}

/// The top of an axis that holds `most`: 1, 2 or 5 times a power of ten, or their like.
pub(super) fn axis_top(most: i64) -> i64 {
    let most = most.max(1);
    let mut scale: i64 = 1;
    loop {
        for factor in [1, 2, 4, 6, 8, 10] {
            match scale.checked_mul(factor) {
                Some(top) if top >= most => return top,
                Some(_) => {}
                None => return i64::MAX,
            }
        }
        scale = scale.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        let tops = [-1, 0, 1, 3, 9, 11, 47, 812, 4_001, i64::MAX].map(axis_top);
        assert_eq!(tops, [1, 1, 1, 4, 10, 20, 60, 1_000, 6_000, i64::MAX]);
    }
}

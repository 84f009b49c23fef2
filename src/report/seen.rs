//! What was not seen: no number without its coverage.

use super::rows::CoverageLine;
use super::style;
use crate::event::GapReason;
use std::collections::BTreeMap;

/// Reasons named on one line.
const REASONS_MAX: usize = 6;

/// Coverage of some partitions, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Records seen.
    pub seen: i64,
    /// Partitions that were read.
    pub partitions: usize,
    /// Topics that were read.
    pub topics: usize,
    /// Offsets without a record that was seen, by reason.
    pub missing: BTreeMap<String, i64>,
}

impl Seen {
    /// Adds up the lines of those partitions that `wanted` names.
    pub fn of(lines: &[CoverageLine], wanted: impl Fn(&CoverageLine) -> bool) -> Self {
        let mut all = Self::default();
        let mut partitions = std::collections::BTreeSet::new();
        for line in lines.iter().filter(|line| wanted(line)) {
            partitions.insert((&line.cluster, &line.topic, line.partition));
            match &line.reason {
                None => all.seen = all.seen.saturating_add(line.seen.unwrap_or(0)),
                // Read before and dropped: they count as seen already.
                Some(reason) if reason == GapReason::SeenBefore.as_str() => {}
                Some(reason) => {
                    let missing = all.missing.entry(reason.clone()).or_default();
                    *missing = missing.saturating_add(line.missing.unwrap_or(0));
                }
            }
        }
        all.missing.retain(|_, n| *n > 0);
        all.topics = partitions
            .iter()
            .map(|(cluster, topic, _)| (cluster, topic))
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        all.partitions = partitions.len();
        all
    }

    /// Offsets without a record.
    pub fn missing(&self) -> i64 {
        self.missing.values().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// The share of offsets seen, such as `99.98 %`.
    pub fn share(&self) -> String {
        style::percent(self.seen, self.seen.saturating_add(self.missing()))
    }

    /// The share, and every reason for the rest.
    pub fn sentence(&self) -> String {
        if self.partitions == 0 {
            return "no partition of these was read".to_owned();
        }
        let of = format!(
            "{} of offsets in {} of {}",
            self.share(),
            style::plural(self.partitions as i64, "partition"),
            style::plural(self.topics as i64, "topic")
        );
        if self.missing.is_empty() {
            return of;
        }
        let mut reasons: Vec<(&String, &i64)> = self.missing.iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let mut named: Vec<String> = reasons
            .iter()
            .take(REASONS_MAX)
            .map(|(r, n)| format!("{} {}", style::count(**n), style::words(r)))
            .collect();
        if reasons.len() > REASONS_MAX {
            named.push(format!("{} more reasons", reasons.len() - REASONS_MAX));
        }
        let work = match self.holds_no_event() {
            true => " (these hold no events)",
            false => "",
        };
        format!("{of}; not seen: {}{work}", named.join(", "))
    }

    /// True when everything missing is an offset that holds no event: markers, aborted records, compacted holes.
    fn holds_no_event(&self) -> bool {
        let empty = [GapReason::Control, GapReason::Aborted, GapReason::Compacted, GapReason::CompactedOrTransactional];
        self.missing.keys().all(|reason| empty.iter().any(|gap| gap.as_str() == reason))
    }
}

//! Where propagation breaks: which hop loses the trace, which group makes it, and what to do.

mod findings;
mod fixes;
mod groups;
mod markdown;
mod text;
mod verdict;

pub use fixes::{Fix, Sees};
pub use markdown::markdown;
pub use text::text;
pub use verdict::{Maker, Verdict, verdicts};

use super::rows::AuditRow;
use super::style;
use serde_json::{Value, json};

#[cfg(test)]
mod tests;

/// Hops that are told one by one; the table and JSON have the others.
const HOPS_MAX: usize = 12;
/// Rows of a table on one screen.
const ROWS_MAX: usize = 40;
/// Columns for a name in a sentence.
const NAME_MAX: usize = 60;

/// What `headwater audit` answers, and the words of the question that shape it.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a> {
    /// All rows of the answer.
    pub rows: &'a [AuditRow],
    /// `since 2h`; empty for all that was looked at.
    pub window: &'a str,
}

impl<'a> Audit<'a> {
    fn of(&self, subject: &'static str) -> impl Iterator<Item = &'a AuditRow> + use<'a> {
        self.rows.iter().filter(move |row| row.subject == subject)
    }

    /// Events that were looked at.
    pub fn looked_at(&self) -> i64 {
        self.of("window").filter_map(|row| row.events).sum()
    }

    /// How much was looked at, and what was not.
    fn headline(&self) -> String {
        let window = self.of("window").next();
        let left_out = window.and_then(|row| row.left_out).unwrap_or(0);
        let newest = if left_out > 0 { "the newest " } else { "" };
        let mut out = format!("{newest}{}", style::plural(self.looked_at(), "event"));
        if !self.window.is_empty() {
            out.push_str(&format!(" {}", self.window));
        }
        if let Some((first, last)) = window.and_then(|row| row.first_time.zip(row.last_time)) {
            out.push_str(&format!(", seen {} to {} UTC", style::date_time(first), style::time_of_day(last)));
        }
        if left_out > 0 {
            out.push_str(&format!("; {} older ones were not looked at", style::count(left_out)));
        }
        out
    }
}

/// The verdicts as JSON, worst first.
pub fn json(verdicts: &[Verdict<'_>]) -> Vec<Value> {
    verdicts.iter().map(Verdict::json).collect()
}

impl Verdict<'_> {
    fn json(&self) -> Value {
        let fix = |fix: &&Fix| json!({ "client": fix.client, "why": fix.tell, "do": fix.remedy });
        json!({
            "cluster": self.cluster,
            "from_topic": self.from_topic,
            "to_topic": self.to_topic,
            "consumer_groups": self.groups,
            "group_known_by": self.maker.as_str(),
            "trace_restarted": self.restarted,
            "trace_lost": self.lost,
            "of": self.of,
            "begun_by": self.sees.map(Sees::as_str),
            "clients": self.clients,
            "libraries": self.libraries,
            "fixes": self.fixes.iter().map(fix).collect::<Vec<_>>(),
            "sample": self.sample,
        })
    }
}
